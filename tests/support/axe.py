"""End a piece of work before any step that somebody else sees: a change on the disk, or a request."""

import asyncio
import pathlib
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.support import acme_authority
from tests.support.acme_authority import Killed

_STEPS = {
    pathlib.__file__: ("rename", "unlink", "mkdir"),
    shutil.__file__: ("rmtree",),
    acme_authority.__file__: ("_come",),
}


class Axe:
    """`with axe.falls_before(3): ...` raises Killed in place of the third step, in whichever thread that is.

    What was between two steps is lost with the process, or lies in a file that has no name yet that counts: they are
    all the moments there are.
    """

    def __init__(self) -> None:
        self._left = 0
        self._is_raised = False
        threading.settrace(self._look)  # threads that start from now on

    def put_away(self) -> None:
        """Let threads be."""
        threading.settrace(None)

    @contextmanager
    def falls_before(self, step):
        """Whether it has fallen is told by `has_fallen`."""
        self._left, self._is_raised = step, True
        # A thread that was killed looks no more: Python takes a trace away that raises.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        before = sys.gettrace()
        sys.settrace(self._look)
        try:
            yield
        finally:
            sys.settrace(before)
            self._is_raised = False

    @property
    def has_fallen(self):
        """Whether the work came so far."""
        return self._left <= 0

    def _look(self, frame, event, _argument):
        code = frame.f_code
        if self._is_raised and event == "call" and code.co_name in _STEPS.get(code.co_filename, ()):
            self._left -= 1
            if self._left <= 0:
                raise Killed
