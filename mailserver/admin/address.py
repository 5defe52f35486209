"""The admin socket's address, whatever the length of its path: a socket's own path has at most 107 octets (unix(7))."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 107
SUBMIT_SOCKET = "submit.sock"  # beside the admin socket, for every program of this machine


@contextmanager
def short(path: Path) -> Iterator[str]:
    """A path to the same place that a socket can be bound to, or connected to, while the block runs."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
