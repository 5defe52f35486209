"""Ports that are chosen before they are bound, and bound again after a restart.

They lie below those that the kernel gives to connections, and each process of the tests has a block of its own, so
that nobody takes one meanwhile.
"""

import itertools
import socket
from collections.abc import Iterator

FIRST, LAST, BLOCK = 10_000, 32_000, 500


class _Block:
    """The block of this process: whoever has bound its name has it, until it ends."""

    def __init__(self) -> None:
        self._claim = socket.socket(socket.AF_UNIX)
        self._ports: Iterator[int] = iter(())

    def next(self) -> int:
        if not self._claim.getsockname():
            self._ports = itertools.cycle(self._take())
        return next(self._ports)

    def _take(self) -> range:
        for start in range(FIRST, LAST, BLOCK):
            try:
                self._claim.bind(f"\0tests-of-mailserver-{start}")
            except OSError:
                continue
            return range(start, start + BLOCK)
        raise AssertionError("too many tests run at once")


_BLOCK = _Block()


def free_port() -> int:
    """A port of loopback that is free for TCP and UDP, and stays so."""
    while True:
        port = _BLOCK.next()
        with socket.socket() as streams, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            try:
                streams.bind(("127.0.0.1", port))
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
