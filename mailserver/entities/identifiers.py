"""Prefixed sortable ids: msg_, thr_, inb_, mbox_, blob_.

An id is a 63-bit integer: 41 bits of milliseconds since 2020, 6 bits of node, 16 bits of sequence. Inside the server
it is that integer; outside it is a prefix and 13 letters of Crockford's base 32, which sort as the integers do.
"""

import threading
import time
from collections.abc import Callable
from enum import StrEnum

EPOCH_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
NODE_BITS = 6
SEQUENCE_BITS = 16
LARGEST = (1 << 63) - 1
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LETTERS = 13
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]  # two letters at once: a page shows a hundred ids


class Kind(StrEnum):
    """The prefix that says what an id names."""

    TENANT = "org"
    USER = "usr"
    DOMAIN = "dom"
    INBOX = "inb"
    TOKEN = "tok"  # noqa: S105  a prefix
    API_KEY = "key"
    FOLDER = "mbox"
    MESSAGE = "msg"
    THREAD = "thr"
    LABEL = "lbl"
    BLOB = "blob"
    DELIVERY = "dlv"
    QUEUED = "que"
    EVENT = "evt"
    APPROVAL = "apr"
    REPORT = "rpt"
    AUDIT = "aud"
    CALENDAR = "cal"
    CALENDAR_EVENT = "cev"
    TASK = "tsk"
    CONTACT = "ctc"
    COMMITMENT = "cmt"
    ALERT = "alr"
    WORKFLOW = "wfl"
    WORKFLOW_RUN = "run"
    SHARE = "shr"
    TEMPLATE = "tpl"
    DISTRIBUTION_LIST = "lst"
    LIST_MEMBER = "lmb"
    NOTE = "nte"
    WEBHOOK = "whk"
    WEBHOOK_DELIVERY = "whd"
    BROADCAST = "bcd"
    DRAFT = "drf"
    POD = "pod"
    SIEVE_SCRIPT = "siv"
    IDENTITY = "idn"
    SUBMISSION = "sub"
    PUSH_SUBSCRIPTION = "psh"


class BadIdentifier(ValueError):
    """The text is not an id of the kind that is asked for."""


def encode(kind: Kind, number: int) -> str:
    """Write an id as the outside sees it."""
    two = _PAIRS
    return (
        f"{kind.value}_{_ALPHABET[number >> 60]}{two[number >> 50 & 1023]}{two[number >> 40 & 1023]}"
        f"{two[number >> 30 & 1023]}{two[number >> 20 & 1023]}{two[number >> 10 & 1023]}{two[number & 1023]}"
    )


def decode(kind: Kind, text: str) -> int:
    """Read an id of a kind; BadIdentifier for anything that `encode` would not have written."""
    prefix, _, letters = text.partition("_")
    if prefix != kind.value or len(letters) != _LETTERS:
        raise BadIdentifier(text)
    number = 0
    for letter in letters:
        value = _VALUES.get(letter)
        if value is None:
            raise BadIdentifier(text)
        number = number << 5 | value
    if number > LARGEST:
        raise BadIdentifier(text)
    return number


def created_ms(number: int) -> int:
    """Unix milliseconds at which an id was made."""
    return (number >> (NODE_BITS + SEQUENCE_BITS)) + EPOCH_MS


def first_at(milliseconds: int) -> int:
    """The smallest id of a time."""
    return max(milliseconds - EPOCH_MS, 0) << (NODE_BITS + SEQUENCE_BITS)


class IdSource:
    """Hands out ids that only ever grow, whatever the clock does, and that no other node hands out.

    `floor` is the largest id already in use, so that a clock set back at a restart repeats nothing. Safe from threads.
    """

    def __init__(self, node: int = 0, floor: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._node = node << SEQUENCE_BITS
        self._clock = clock
        self._lock = threading.Lock()
        self._tick = floor >> (NODE_BITS + SEQUENCE_BITS)
        self._sequence = (1 << SEQUENCE_BITS) - 1  # the floor's own millisecond is spent

    def raise_floor(self, number: int) -> None:
        """Never hand out an id at or below this one."""
        with self._lock:
            tick = number >> (NODE_BITS + SEQUENCE_BITS)
            if tick >= self._tick:
                self._tick = tick
                self._sequence = (1 << SEQUENCE_BITS) - 1

    def next(self) -> int:
        """Make an id."""
        with self._lock:
            now = int(self._clock() * 1000) - EPOCH_MS
            if now > self._tick:
                self._tick = now
                self._sequence = 0
            elif self._sequence + 1 >= 1 << SEQUENCE_BITS:
                self._tick += 1
                self._sequence = 0
            else:
                self._sequence += 1
            return self._tick << (NODE_BITS + SEQUENCE_BITS) | self._node | self._sequence
