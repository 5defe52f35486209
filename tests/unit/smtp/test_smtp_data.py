import itertools
import random

import pytest

from mailserver.entities import errors
from mailserver.smtp import replies
from mailserver.smtp.data import Dots, Intake, LineCheck
from mailserver.smtp.limits import SmtpLimits


class Kept:
    def __init__(self, wants_flush=False, fails=None):
        self.content = b""
        self.wants_flush = wants_flush
        self.fails = fails
        self.is_discarded = False

    def add(self, chunk):
        if self.fails:
            raise self.fails
        assert not self.is_discarded
        assert chunk
        self.content += chunk
        return self.wants_flush

    async def flush(self):
        pass

    async def accept(self, envelope):
        return "id"

    def discard(self):
        self.is_discarded = True


def read(chunks, **limits):
    """What is kept, why it is refused, and what follows the end."""
    kept = Kept()
    intake = Intake(kept, SmtpLimits(**limits), binary=False, started_at=0)
    intake.read_dots()
    rest = None
    for chunk in chunks:
        if rest is not None:
            rest += chunk
        else:
            rest = intake.take(chunk)
    return kept.content, intake.refusal, rest


STREAMS = [
    (b".\r\nNEXT", b"", b"NEXT"),
    (b"\r\n.\r\nQUIT\r\n", b"\r\n", b"QUIT\r\n"),
    (b"a\r\n.\r\n", b"a\r\n", b""),
    (b"..\r\n.\r\n", b".\r\n", b""),
    (b"...x\r\n.\r\n", b"..x\r\n", b""),
    (b".x\r\n.y\r\n..\r\n..z\r\n.\r\nA", b"x\r\ny\r\n.\r\n.z\r\n", b"A"),
    (b"a.\r\n.b.\r\n\r\n\r\n..\r\n.\r\n.\r\n", b"a.\r\nb.\r\n\r\n\r\n.\r\n", b".\r\n"),
    (b"a\r\n.\r\n.\r\n", b"a\r\n", b".\r\n"),
]


@pytest.mark.parametrize(("stream", "content", "rest"), STREAMS)
def test_content_is_the_same_wherever_the_stream_is_cut(stream, content, rest):
    assert read([stream]) == (content, None, rest)
    assert read([bytes([one]) for one in stream]) == (content, None, rest)
    for cut in range(1, len(stream)):
        assert read([stream[:cut], stream[cut:]]) == (content, None, rest)
    for cuts in itertools.combinations(range(1, len(stream)), 2):
        assert read([stream[: cuts[0]], stream[cuts[0] : cuts[1]], stream[cuts[1] :]]) == (content, None, rest)


SMUGGLED = [
    b"a\n.\nMAIL FROM:<x@y>\r\n.\r\n",
    b"a\n.\r\nMAIL FROM:<x@y>\r\n.\r\n",
    b"a\r.\rMAIL FROM:<x@y>\r\n.\r\n",
    b"a\r.\r\nMAIL FROM:<x@y>\r\n.\r\n",
    b"a\r\n.\nMAIL FROM:<x@y>\r\n.\r\n",
    b"a\r\n.\rMAIL FROM:<x@y>\r\n.\r\n",
    b"a\r\r\nb\r\n.\r\n",
    b"a\n\r\n.\r\n",
    b"\n.\r\n\r\n.\r\n",
    b"\r.\r\n\r\n.\r\n",
]


@pytest.mark.parametrize("stream", SMUGGLED)
def test_a_bare_line_end_is_refused_and_ends_nothing_wherever_the_stream_is_cut(stream):
    for cut in range(len(stream)):
        _, refusal, rest = read([stream[:cut], stream[cut:]] if cut else [stream])
        assert refusal is replies.BARE_LINE_END_IN_CONTENT
        assert rest == b""
    assert read([bytes([one]) for one in stream])[1:] == (replies.BARE_LINE_END_IN_CONTENT, b"")


def test_random_content_survives_random_cuts():
    chance = random.Random(7)
    for _ in range(300):
        lines = [
            b"".join(chance.choice([b".", b"x", b"..", b"yz"]) for _ in range(chance.randrange(5))) for _ in range(8)
        ]
        content = b"".join(line + b"\r\n" for line in lines)
        stream = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n.\r\nZ"
        chunks, rest = [], stream
        while rest:
            size = chance.randrange(1, 7)
            chunks.append(rest[:size])
            rest = rest[size:]
        assert read(chunks) == (content, None, b".\r\nZ")


def test_nul_is_refused():
    assert read([b"a\0b\r\n.\r\n"])[1] is replies.NUL_IN_CONTENT


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64])
def test_lines_may_be_as_long_as_the_limit_wherever_they_are_cut(size):
    def cut(stream):
        return [stream[at : at + size] for at in range(0, len(stream), size)]

    fits = b"abc\r\n" + b"x" * 10 + b"\r\n\r\n" + b"y" * 10 + b"\r\n.\r\n"
    assert read(cut(fits), line_bytes=10)[1] is None
    for too_long in (
        b"x" * 11 + b"\r\n.\r\n",
        b"a\r\n" + b"y" * 11 + b"\r\nb\r\n.\r\n",
        b"a\r\n\r\n" + b"z" * 40 + b"\r\n.\r\n",
    ):
        assert read(cut(too_long), line_bytes=10)[1] is replies.CONTENT_LINE_TOO_LONG


def test_the_line_check_agrees_with_splitting():
    chance = random.Random(3)
    for _ in range(2000):
        lines = [b"x" * chance.randrange(9) for _ in range(chance.randrange(1, 7))]
        content = b"\r\n".join(lines) + chance.choice([b"", b"\r\n"])
        expected = max(len(line) for line in content.split(b"\r\n")) > 5
        check = LineCheck(5)
        at = chance.randrange(len(content) + 1)
        if content[at - 1 : at] == b"\r":
            at -= 1
        faults = [check.fault(part) for part in (content[:at], content[at:]) if part]
        assert any(faults) is expected, (content, at)


def test_a_message_over_the_limit_is_refused_and_read_to_its_end():
    content, refusal, rest = read([b"x" * 60 + b"\r\n", b"y" * 60 + b"\r\n", b".\r\nNOOP\r\n"], message_bytes=100)
    assert refusal is replies.TOO_LARGE
    assert rest == b"NOOP\r\n"
    assert content == b"x" * 60


def test_a_refused_message_is_discarded_once_and_nothing_more_is_added():
    kept = Kept()
    intake = Intake(kept, SmtpLimits(), binary=False, started_at=0)
    intake.read_dots()
    intake.take(b"a\nb\r\n")
    assert kept.is_discarded
    assert intake.take(b"more\r\n.\r\n") == b""
    assert kept.content == b""


def test_an_arrival_that_fails_defers_the_message_without_losing_its_end():
    for failure, reply in ((RuntimeError("secret"), replies.INTERNAL), (errors.StoreFull(), replies.NO_ROOM)):
        intake = Intake(Kept(fails=failure), SmtpLimits(), binary=False, started_at=0)
        intake.read_dots()
        assert intake.take(b"a\r\n.\r\nQUIT\r\n") == b"QUIT\r\n"
        assert intake.refusal is reply


def test_counted_content_is_taken_as_it_is():
    kept = Kept()
    intake = Intake(kept, SmtpLimits(), binary=True, started_at=0)
    intake.read_counted(7, is_last=False)
    assert intake.take(b"\0\r\n.") is None
    assert intake.take(b"\r\n\nQUIT") == b"QUIT"
    intake.read_counted(0, is_last=True)
    assert intake.take(b"REST") == b"REST"
    assert kept.content == b"\0\r\n.\r\n\n"
    assert intake.refusal is None


def test_a_line_end_cut_by_two_chunks_is_no_bare_one():
    kept = Kept()
    intake = Intake(kept, SmtpLimits(), binary=False, started_at=0)
    intake.read_counted(2, is_last=False)
    intake.take(b"a\r")
    intake.read_counted(3, is_last=True)
    intake.take(b"\nb\r")
    assert kept.content == b"a\r\nb\r" or intake.refusal is replies.BARE_LINE_END_IN_CONTENT
    assert intake.refusal is replies.BARE_LINE_END_IN_CONTENT  # the last CR has no LF

    kept = Kept()
    intake = Intake(kept, SmtpLimits(), binary=False, started_at=0)
    intake.read_counted(2, is_last=False)
    intake.take(b"a\r")
    intake.read_counted(2, is_last=True)
    intake.take(b"\nb")
    assert (kept.content, intake.refusal) == (b"a\r\nb", None)


def test_dots_hold_back_only_what_may_begin_the_end():
    dots = Dots()
    assert dots.take(b"abc") == (b"abc", None)
    assert dots.take(b"\r\n.") == (b"", None)
    assert dots.take(b".x") == (b"\r\n.x", None)
