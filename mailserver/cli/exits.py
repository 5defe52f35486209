"""Exit codes (sysexits(3) where they fit), and the sentences that go with them."""

import sys
from typing import NoReturn

import click

OK = 0
CHECK_FAILED = 1
USAGE = 2
NOT_RUNNING = 3
BAD_DATA = 65
UNAVAILABLE = 69
CANNOT_CREATE = 73
IO = 74
TEMPORARY = 75
PERMISSION = 77
CONFIGURATION = 78

_BY_ERROR = {
    "Invalid": BAD_DATA,
    "NotFound": BAD_DATA,
    "Conflict": BAD_DATA,
    "TooLarge": BAD_DATA,
    "Forbidden": PERMISSION,
    "Unauthenticated": PERMISSION,
    "Temporary": TEMPORARY,
    "StoreUnavailable": TEMPORARY,
    "StoreFull": TEMPORARY,
    "InboxFull": TEMPORARY,
    "NotProvided": UNAVAILABLE,
    "Unreachable": UNAVAILABLE,
    "RefusedOutside": CHECK_FAILED,
}


def fail(code: int, sentence: str) -> NoReturn:
    """Say what is wrong on stderr, and end."""
    click.echo(f"mailserver: {sentence}", err=True)
    sys.exit(code)


def of_error(name: str) -> int:
    """The exit code of a service's refusal."""
    return _BY_ERROR.get(name, BAD_DATA)
