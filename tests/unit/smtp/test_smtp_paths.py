import pytest

from mailserver.smtp import paths


@pytest.mark.parametrize(
    ("argument", "path", "rest"),
    [
        ("FROM:<a@b.test>", "a@b.test", ""),
        ("from: <a@b.test> SIZE=1  BODY=7BIT", "a@b.test", "SIZE=1  BODY=7BIT"),
        ("FROM:<>", "", ""),
        ("FROM:<> RET=HDRS", "", "RET=HDRS"),
        ("FROM:<@a.test,@b.test:c@d.test>", "c@d.test", ""),
        ('FROM:<"a b>c"@d.test> X', '"a b>c"@d.test', "X"),
        ('FROM:<"a\\"b"@d.test>', '"a\\"b"@d.test', ""),
        ('FROM:<@a.test:"x y"@d.test>', '"x y"@d.test', ""),
        ("FROM:<ü@b.test>", "ü@b.test", ""),
    ],
)
def test_a_path_is_cut_out_of_the_argument(argument, path, rest):
    assert paths.split(argument, "FROM:") in {(path, rest), ("@a.test:" + path, rest)} or path == ""
    assert paths.split(argument, "FROM:") == (path, rest)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "FROM",
        "FROM:",
        "FROM:a@b.test",
        "FROM a@b",
        "TO:<a@b.test>",
        "FROM:<a@b.test",
        "FROM:a@b.test>",
        "FROM:<a@b.test>SIZE=1",
        "FROM:<<a@b.test>>",
        "FROM:<a b@c.test>",
        "FROM:<a@b.test>\tSIZE=1",
        "FROM:<@a.test>",
        "FROM:<@a.test:>",
        "FROM:<@a.test,b.test:c@d.test>",
        "FROM:  <a@b.test>",
        'FROM:<"a@b.test>',
        'FROM:<"a"b@c.test>',
    ],
)
def test_what_is_no_path_is_refused(argument):
    with pytest.raises(paths.PathError):
        paths.mailbox(paths.split(argument, "FROM:")[0])


@pytest.mark.parametrize(
    "path", ["a", "@b.test", "a@", "a@b@c.test", "a..b@c.test", ".a@c.test", '""@c.test', "a@-b.test", "a@[1.2.3]"]
)
def test_what_others_could_read_differently_is_no_mailbox(path):
    with pytest.raises(paths.PathError):
        paths.mailbox(path)


def test_a_long_hostile_path_is_refused_in_linear_time():
    with pytest.raises(paths.PathError):
        paths.split('FROM:<"' + '\\"' * 1000 + "x" * 1000, "FROM:")
    with pytest.raises(paths.PathError):
        paths.split("FROM:<" + "@a," * 700 + ">", "FROM:")
