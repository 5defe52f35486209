import io
import threading
import time

from mailserver.cli.logs import FLUSH_BYTES, Lines


class Stream(io.BytesIO):
    """Counts how often it is written."""

    writes = 0

    def write(self, buffer):
        self.writes += 1
        return super().write(buffer)


def eventually(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_many_quiet_lines_are_one_write_and_come_by_themselves():
    stream = Stream()
    lines = Lines(stream)
    for number in range(100):
        lines.info(b"%d" % number)
    eventually(lambda: stream.getvalue().count(b"\n") == 100)
    assert stream.writes <= 2
    assert stream.getvalue().split() == [b"%d" % number for number in range(100)]


def test_a_warning_is_written_at_once_behind_what_came_before_it():
    stream = Stream()
    lines = Lines(stream)
    lines.info(b"quiet")
    lines.warning(b"loud")
    assert stream.getvalue() == b"quiet\nloud\n"


def test_much_does_not_wait():
    stream = Stream()
    Lines(stream).info(b"x" * FLUSH_BYTES)
    assert stream.getvalue() == b"x" * FLUSH_BYTES + b"\n"


def test_threads_lose_nothing_and_break_no_line():
    stream = Stream()
    lines = Lines(stream)

    def write(name):
        for number in range(2_000):
            (lines.warning if number % 100 == 0 else lines.info)(b"%s%d" % (name, number))

    threads = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.flush()
    found = stream.getvalue().split()
    for name in (b"a", b"b", b"c"):
        assert [line for line in found if line.startswith(name)] == [b"%s%d" % (name, n) for n in range(2_000)]
