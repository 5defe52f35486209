"""What DNS says of the records of a domain, one by one. Nothing is changed by looking."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mailserver.mail.resolver import LookupFailed, MxAnswer, TextAnswer, TlsaAnswer
from mailserver.services.accounts.records import Record

MOST_FOUND = 20  # of one name that are shown
LONGEST_FOUND = 500
_KINDS = ("v=spf1", "v=DMARC1", "v=DKIM1", "v=STSv1", "v=TLSRPTv1", "v=BIMI1", "gent-verify=")


class RecordStatus(StrEnum):
    """How a record stands in DNS."""

    VALID = "valid"
    MISSING = "missing"
    INVALID = "invalid"
    UNKNOWN = "unknown"  # DNS gave no answer


class Resolver(Protocol):
    """Reads what is published; LookupFailed where DNS gave no answer."""

    async def mx(self, domain: str) -> MxAnswer:
        """MX records."""
        ...

    async def text(self, name: str) -> TextAnswer:
        """TXT records."""
        ...

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Addresses of a host."""
        ...

    async def tlsa(self, name: str) -> TlsaAnswer:
        """TLSA records."""
        ...

    async def rows(self, name: str, kind: str) -> tuple[str, ...]:
        """Records of a type, in the words of a zone file."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A record, how it stands, and what is there instead."""

    record: Record
    status: RecordStatus
    found: tuple[str, ...]


class DomainChecks:
    """Asks the resolver; an answer is as old as its time to live allows."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def all(self, records: list[Record]) -> list[Checked]:
        """Every record side by side."""
        return list(await asyncio.gather(*(self._one(record) for record in records)))

    async def has_text(self, name: str, value: str) -> bool:
        """Whether a TXT record says exactly this; LookupFailed where DNS gave no answer."""
        answer = await self._resolver.text(name)
        return any(_plain(one.decode("utf-8", "replace")) == _plain(value) for one in answer.records)

    async def _one(self, record: Record) -> Checked:
        try:
            status, found = await self._look(record)
        except LookupFailed:
            status, found = RecordStatus.UNKNOWN, []
        return Checked(record, status, tuple(one[:LONGEST_FOUND] for one in found[:MOST_FOUND]))

    async def _look(self, record: Record) -> tuple[RecordStatus, list[str]]:
        if record.type == "MX":
            mx = await self._resolver.mx(record.name)
            hosts = [f"{one.preference} {one.host}." for one in mx.records]
            wanted = record.value.rstrip(".").lower()
            return _status(hosts, any(one.host == wanted for one in mx.records)), hosts
        if record.type == "CNAME":
            there = list(await self._resolver.addresses(record.name))
            ours = await self._resolver.addresses(record.value.rstrip("."))
            return _status(there, bool(set(there) & set(ours))), there
        if record.type == "TLSA":
            tlsa = await self._resolver.tlsa(record.name)
            values = [f"{one.usage} {one.selector} {one.matching} {one.data.hex()}" for one in tlsa.records]
            return _status(values, _plain(record.value) in map(_plain, values)), values
        if record.type in ("SRV", "CAA"):
            rows = list(await self._resolver.rows(record.name, record.type))
            agrees = _same_server if record.type == "SRV" else _same_authority
            return _status(rows, any(agrees(one, record.value) for one in rows)), rows
        answer = await self._resolver.text(record.name)
        kind = next((each for each in _KINDS if record.value.startswith(each)), "")
        texts = [one.decode("utf-8", "replace") for one in answer.records]
        same = [one for one in texts if one.lower().startswith(kind.lower())]
        is_valid = any(_agrees(kind, one, record.value) for one in same)
        return _status(same, is_valid and (kind != "v=spf1" or len(same) == 1)), same


def _status(found: list[str], is_valid: bool) -> RecordStatus:  # noqa: FBT001  the answer to one question
    if is_valid:
        return RecordStatus.VALID
    return RecordStatus.INVALID if found else RecordStatus.MISSING


def _same_server(found: str, wanted: str) -> bool:
    """Whether two SRV records lead to the same port of the same host; priority and weight are the owner's choice."""
    return found.lower().split()[2:] == wanted.lower().split()[2:]


def _same_authority(found: str, wanted: str) -> bool:
    """Whether a CAA record lets our authority, and our account where it names one, have certificates (RFC 8657 3)."""
    theirs, ours = (text.replace('"', "").replace(";", " ").split() for text in (found, wanted))
    accounts = [part for part in theirs if part.startswith("accounturi=")]
    return theirs[1:3] == ours[1:3] and all(account in ours for account in accounts)


def _agrees(kind: str, found: str, wanted: str) -> bool:
    """Whether a record does what ours would do, in whatever words."""
    if _plain(found) == _plain(wanted):
        return True
    if kind == "v=spf1":
        return bool({"mx", "+mx"} & set(found.lower().split()))
    if kind == "v=DMARC1":
        tags = dict(part.strip().partition("=")[::2] for part in found.split(";"))
        return tags.get("p", "").strip() in ("quarantine", "reject")
    if kind == "v=TLSRPTv1":
        return "rua=" in found
    return kind == "v=BIMI1"


def _plain(text: str) -> str:
    return "".join(text.split()).lower() if "p=" not in text.lower() else "".join(text.split())
