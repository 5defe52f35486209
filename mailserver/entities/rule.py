"""Allow and block lists: who may write to whom, decided before content."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailserver.mail import address
from mailserver.mail.address import AddressError

LONGEST_ENTRY = 320
LONGEST_REASON = 500
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")


class Direction(StrEnum):
    """Which mail a list is about: what we send, what strangers begin, what answers a thread that we know."""

    SEND = "send"
    RECEIVE = "receive"
    REPLY = "reply"


class ListType(StrEnum):
    """What a list does with whom it names. An allow list with entries blocks whom it does not name."""

    ALLOW = "allow"
    BLOCK = "block"


class EntryType(StrEnum):
    """What an entry names."""

    EMAIL = "email"
    DOMAIN = "domain"


class Outcome(StrEnum):
    """What the lists say."""

    ALLOW = "allow"
    BLOCK = "block"
    NONE = "none"


class BadEntry(ValueError):
    """The text is neither an address nor a domain."""


@dataclass(frozen=True, slots=True)
class RuleScope:
    """Where a rule holds: an inbox, else a pod, else the whole tenant."""

    tenant_id: int
    pod_id: int = 0
    inbox_id: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry. `example.com` means that domain alone, `.example.com` every name below it."""

    id: int
    scope: RuleScope
    direction: Direction
    list_type: ListType
    entry: str  # normal form
    entry_type: EntryType
    reason: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the lists say of one message, and which rule says it; an allow list that names nobody has no rule."""

    outcome: Outcome
    rule: Rule | None = None
    detail: str = ""


NO_RULING = Ruling(Outcome.NONE)


def read_entry(text: str) -> tuple[str, EntryType]:
    """Read an address, or a domain with or without `@`, `.` or `*.` before it, into normal form; BadEntry otherwise."""
    plain = text.strip()
    if not plain or len(plain) > LONGEST_ENTRY:
        raise BadEntry("An entry is an address or a domain.")
    local, at, domain = plain.rpartition("@")
    try:
        if at and local and local != "*":
            return address.parse(plain).normal, EntryType.EMAIL
        is_below = domain.startswith(("*.", "."))
        name = address.parse_domain(domain.removeprefix("*").removeprefix(".").rstrip("."))
    except AddressError as error:
        raise BadEntry(str(error)) from error
    if not (is_below or "." in name) or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise BadEntry("The domain cannot be read.")
    return f".{name}" if is_below else name, EntryType.DOMAIN


class RuleSet:
    """The rules of one scope and one direction, found by what they name, however many they are."""

    __slots__ = ("_by_entry", "is_closed")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_entry = {(rule.list_type, rule.entry): rule for rule in rules}
        self.is_closed = any(list_type is ListType.ALLOW for list_type, _ in self._by_entry)

    def blocking(self, kind: EntryType, normal: str) -> Rule | None:
        """The rule of a kind that blocks an address in normal form."""
        return self._find(ListType.BLOCK, kind, normal)

    def allowing(self, kind: EntryType, normal: str) -> Rule | None:
        """The rule of a kind that allows an address in normal form."""
        return self._find(ListType.ALLOW, kind, normal)

    def _find(self, list_type: ListType, kind: EntryType, normal: str) -> Rule | None:
        for entry in entries_for(normal, kind):
            rule = self._by_entry.get((list_type, entry))
            if rule is not None:
                return rule
        return None


def entries_for(normal: str, kind: EntryType) -> list[str]:
    """Every entry of a kind that would name an address, the closest first."""
    if kind is EntryType.EMAIL:
        return [normal]
    domain = normal.rpartition("@")[2]
    dots = [position for position, letter in enumerate(domain) if letter == "."]
    return [domain, *(domain[position:] for position in dots)]


def decide(scopes: Iterable[RuleSet], addresses: Sequence[str], claimed: Sequence[str]) -> Ruling:
    """Decide by the rules of one direction, the most specific scope first.

    Inside a scope an address beats a domain, then block beats allow. `addresses` are all that the message carries: one
    of them is enough to block it. `claimed` are those that the allow list has to name, every one of them.
    """
    for rules in scopes:
        for kind in EntryType:
            for normal in addresses:
                rule = rules.blocking(kind, normal)
                if rule is not None:
                    return Ruling(Outcome.BLOCK, rule, f"{rule.entry} is on a block list.")
            rule = _allowing(rules, kind, claimed)
            if rule is not None:
                return Ruling(Outcome.ALLOW, rule, f"{rule.entry} is on an allow list.")
        if rules.is_closed:
            return Ruling(Outcome.BLOCK, None, "The address is not on the allow list.")
    return NO_RULING


def _allowing(rules: RuleSet, kind: EntryType, claimed: Sequence[str]) -> Rule | None:
    """A rule of a kind that allows, where every other claimed address is allowed, too, by whatever kind."""
    found = next((rule for one in claimed if (rule := rules.allowing(kind, one)) is not None), None)
    if found is None or not all(any(rules.allowing(each, one) for each in EntryType) for one in claimed):
        return None
    return found
