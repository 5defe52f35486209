"""The ARC sets of a header: three fields for each server that sealed, counted from one (RFC 8617 4)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mail import dkim_signature, dkim_tags, headers, results
from mailserver.mail.dkim_signature import Result, Signature
from mailserver.mail.results import Parsed

RESULTS = b"arc-authentication-results"
MESSAGE = b"arc-message-signature"
SEAL = b"arc-seal"
NAMES = (RESULTS, MESSAGE, SEAL)
MAX_SETS = 50  # RFC 8617 4.2.1
_MOST_FIELDS = 3 * MAX_SETS
_INSTANCE = re.compile(rb"[0-9]{1,2}")
_RESULTS_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,2})[ \t\r\n]*;")


class ChainBroken(Exception):
    """The fields make no chain; the text says why. `highest` is the highest number that one of them bears."""

    def __init__(self, reason: str, highest: int = 0) -> None:
        super().__init__(reason)
        self.highest = highest


@dataclass(frozen=True, slots=True)
class ArcSet:
    """What one server added. A signature that cannot be checked is a result already."""

    instance: int
    results_field: bytes
    message_field: bytes
    seal_field: bytes
    message: Signature | Result
    seal: Signature | Result
    verdict: str  # the cv= tag: none, pass or fail

    @property
    def sealer(self) -> str:
        """The domain that sealed it."""
        return self.seal.known.domain if isinstance(self.seal, Signature) else self.seal.domain

    @property
    def results(self) -> Parsed:
        """What the server had found out about the message."""
        return results.parse(_RESULTS_INSTANCE.sub(b"", self.results_field.partition(b":")[2], count=1))


def read(fields: Sequence[tuple[bytes, bytes]], at: int | None) -> tuple[ArcSet, ...]:
    """The sets in their order, none where the header has none; ChainBroken where they are not whole."""
    found = [(name, field) for name, field in fields if name in NAMES]
    if not found:
        return ()
    if len(found) > _MOST_FIELDS:
        raise ChainBroken("The message has more than 50 ARC sets.", MAX_SETS)
    if sum([len(field) for _, field in fields]) > headers.MAX_BLOCK:
        raise ChainBroken("The header is longer than 128 KB.", MAX_SETS)
    trouble = ""
    highest = 0
    by_place: dict[tuple[int, bytes], tuple[bytes, dict[bytes, bytes]]] = {}
    for name, field in found:
        tags, instance = _number(name, field)
        highest = max(highest, instance)
        if not 1 <= instance <= MAX_SETS:
            trouble = trouble or "An ARC field has no number between 1 and 50."
        elif (instance, name) in by_place:
            trouble = trouble or f"ARC set {instance} has a field twice."
        by_place[instance, name] = field, tags
    if trouble:
        raise ChainBroken(trouble, highest)
    return tuple([_set(number, by_place, at, highest) for number in range(1, highest + 1)])


def _number(name: bytes, field: bytes) -> tuple[dict[bytes, bytes], int]:
    value = field.partition(b":")[2]
    if name == RESULTS:
        start = _RESULTS_INSTANCE.match(value)
        return {}, int(start[1]) if start else 0
    tags = dkim_tags.parse(value) or {}
    number = tags.get(b"i", b"")
    return tags, int(number) if _INSTANCE.fullmatch(number) else 0


def _set(
    number: int, by_place: dict[tuple[int, bytes], tuple[bytes, dict[bytes, bytes]]], at: int | None, highest: int
) -> ArcSet:
    for name in NAMES:
        if (number, name) not in by_place:
            raise ChainBroken(f"ARC set {number} is not whole.", highest)
    message, message_tags = by_place[number, MESSAGE]
    seal, seal_tags = by_place[number, SEAL]
    return ArcSet(
        number, by_place[number, RESULTS][0], message, seal,
        dkim_signature.read_arc(message, message_tags, at, is_seal=False),
        dkim_signature.read_arc(seal, seal_tags, None, is_seal=True),
        seal_tags.get(b"cv", b"").decode("ascii", "replace"),
    )  # fmt: skip
