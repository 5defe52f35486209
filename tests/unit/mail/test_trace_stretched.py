from mailserver.mail import headers, trace

BLOCK = b"Return-Path: <a@b.test>\r\nReceived: from x\r\n\tby y\r\n\tfor z\r\n"


def test_a_block_is_filled_with_blanks_that_mean_nothing():
    filled = trace.stretched(BLOCK, 1500)
    assert len(filled) == 1500
    assert max(len(line) for line in filled.split(b"\r\n")) <= 998
    before, _ = headers.split(BLOCK + b"\r\n")
    after, _ = headers.split(filled + b"\r\n")
    assert [(name, b" ".join(value.split())) for name, value in after.fields] == [
        (name, b" ".join(value.split())) for name, value in before.fields
    ]


def test_a_block_of_the_right_length_stays_as_it_is():
    assert trace.stretched(BLOCK, len(BLOCK)) == BLOCK


def test_a_block_that_is_too_long_or_has_too_few_folds_is_not_stretched():
    assert trace.stretched(BLOCK, len(BLOCK) - 1) is None
    assert trace.stretched(BLOCK, 3000) is None
    assert trace.stretched(b"Subject: x\r\n", 100) is None
