"""What is done with a message: who sent it, what its domain asks for, what the lists and the filter say.

The order is that of who has the last word: a virus is refused whoever sent it; then the inbox's own lists; then the
sender's domain (DMARC); then the score. Nothing is dropped: a message is refused, or it is stored where its owner
finds it, with the reasons.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

import orjson
import structlog

from mailserver.entities import errors
from mailserver.entities.folder import Role
from mailserver.entities.message import Visibility
from mailserver.entities.rule import NO_RULING, Outcome, Ruling
from mailserver.entities.verdict import Action, Assessment
from mailserver.mail import arc, headers, threading
from mailserver.mail.address import Address
from mailserver.mail.authentication import Report
from mailserver.mail.envelope import Envelope
from mailserver.services.filtering.evidence import Evidence
from mailserver.services.mailbox.acceptance import Content
from mailserver.storage import threads
from mailserver.storage.database import Database
from mailserver.storage.records import Copy

SAMPLE_BYTES = 256 << 10  # of a message that its content is judged by
READ_BYTES = 256 << 10
UNAUTHENTICATED = "unauthenticated"
VIRUS = "CLAMAV_"  # what names of reasons begin with that are no matter of taste
log = structlog.get_logger()


class DmarcPolicy(StrEnum):
    """What one of our domains does where DMARC asks to refuse."""

    REFUSE = "refuse"
    JUNK = "junk"
    ACCEPT = "accept"


class Verification(Protocol):
    """Finds out who sent a message."""

    async def report(self, envelope: Envelope, content: Content) -> Report:
        """SPF, DKIM, DMARC and the rest; never raises."""
        ...


class Filter(Protocol):
    """Judges content and circumstances."""

    async def assess(self, evidence: Evidence) -> Assessment:
        """One explained score; never raises."""
        ...


class Lists(Protocol):
    """The tenants' allow and block lists."""

    async def concerns(self, tenant_ids: Sequence[int]) -> bool:
        """Whether any of these tenants has a list."""
        ...

    def is_silent(self, tenant_ids: Iterable[int]) -> bool:
        """Whether memory knows that none of these tenants has a list."""
        ...

    async def for_mail_in(
        self,
        inbox_ids: Sequence[tuple[int, int]],
        sender: Address | None,
        authors: Sequence[str],
        answered: frozenset[int] = frozenset(),
    ) -> dict[int, Ruling]:
        """What each inbox, given with its tenant, has to say."""
        ...


class Collector(Protocol):
    """Counts what DMARC reports tell the domains that ask for them."""

    def dmarc(self, envelope: Envelope, report: Report, disposition: str, reason: str) -> None:
        """Count a message: what was done with it, and why where that is not what its domain asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """The copies as they are to be stored, and the header fields that say why."""

    copies: list[Copy]
    fields: bytes = b""
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class _Policy:
    """What DMARC comes to: for each copy, and in the words of reports."""

    junk: frozenset[int]  # message ids
    disposition: str
    reason: str = ""


class Judge:
    """Judges what strangers send. One for the process."""

    def __init__(
        self,
        database: Database,
        lists: Lists,
        verification: Verification | None,
        content_filter: Filter | None,
        collector: Collector,
        executor: Executor,
        hostname: str,
        dmarc_policy: DmarcPolicy = DmarcPolicy.REFUSE,
        domain_policies: Mapping[str, DmarcPolicy] | None = None,
        trusted_sealers: Collection[str] = (),
    ) -> None:
        self._database = database
        self._lists = lists
        self._verification = verification
        self._filter = content_filter
        self._collector = collector
        self._executor = executor
        self._hostname = hostname
        self._dmarc_policy = dmarc_policy
        self._domain_policies = domain_policies or {}
        self._trusted_sealers = frozenset(sealer.lower() for sealer in trusted_sealers)

    def has_nothing_to_say(self, tenant_ids: Iterable[int]) -> bool:
        """Whether every check is switched off, and memory knows that these tenants have no lists."""
        return self._verification is None and self._filter is None and self._lists.is_silent(tenant_ids)

    async def judge(self, envelope: Envelope, content: Content, copies: Sequence[Copy], queue_id: str) -> Judged:
        """Decide about a message from port 25.

        FailsDmarc, Infected, LooksLikeJunk and Greylisted where it is not taken.
        """
        head = content.headers()
        rulings = await self.rulings(copies, envelope.sender, head)
        report = await self._verification.report(envelope, content) if self._verification else None
        policy = self._by_dmarc(envelope, report, copies)
        assessment = None
        if self._filter is not None and any(_of(rulings, copy).outcome is not Outcome.BLOCK for copy in copies):
            evidence = self._evidence(envelope, content, copies, report, queue_id)
            assessment = await self._filter.assess(evidence)
            trusted = report is not None and report.proves_author
            allowed = trusted and all(_of(rulings, copy).outcome is Outcome.ALLOW for copy in copies)
            _put_off(assessment, queue_id, allowed=allowed)  # not counted: it comes again
            self._count(envelope, report, policy)
            _refuse(assessment, allowed=allowed)
        else:
            self._count(envelope, report, policy)
        placed = [_placed(copy, _of(rulings, copy), policy, report, assessment) for copy in copies]
        return Judged(placed, self._fields(report, assessment), report)

    async def rulings(self, copies: Sequence[Copy], sender: Address | None, head: headers.Headers) -> dict[int, Ruling]:
        """What the inboxes' own lists say of a message, by inbox id."""
        homes = [(copy.inbox_id, copy.tenant_id) for copy in copies]
        if not await self._lists.concerns([tenant_id for _, tenant_id in homes]):
            return {}
        authors = [person.address for value in head.all("from") for person in headers.people(value)]
        replied = headers.message_ids(head.first("in-reply-to") or b"")
        named = headers.message_ids(head.first("references") or b"")
        references = threading.reference_hashes(None, replied[0] if replied else None, named)
        answered = await self._database.read(threads.known, [inbox_id for inbox_id, _ in homes], references)
        return await self._lists.for_mail_in(homes, sender, authors, answered)

    # -- the steps ----------------------------------------------------------------------------------------------

    def _by_dmarc(self, envelope: Envelope, report: Report | None, copies: Sequence[Copy]) -> _Policy:
        """RFC 9989 5.4; refused only where every recipient's domain wants that."""
        if report is None:
            return _Policy(frozenset(), "none")
        asked = report.dmarc.disposition
        everyone = frozenset(copy.message_id for copy in copies)
        sealed = arc.overrides(report.arc, self._trusted_sealers, report.dmarc.domain) if asked != "none" else None
        if sealed is not None:
            log.info("inbound.dmarc.overridden", why=sealed, domain=report.dmarc.domain, asked=asked)
            policy = _Policy(frozenset(), "none", "trusted_forwarder")
        elif asked == "quarantine":
            policy = _Policy(everyone, "quarantine")
        elif asked == "reject":
            wishes = {copy.message_id: self._wish(copy) for copy in copies}
            if all(wish is DmarcPolicy.REFUSE for wish in wishes.values()):
                self._count(envelope, report, _Policy(everyone, "reject"))
                log.info("inbound.message.refused", why="dmarc", domain=report.dmarc.domain, peer=envelope.peer.address)
                raise errors.FailsDmarc
            junk = frozenset(number for number, wish in wishes.items() if wish is not DmarcPolicy.ACCEPT)
            policy = _Policy(junk, "quarantine" if junk else "none", "local_policy")
        else:
            policy = _Policy(frozenset(), "none")
        return policy

    def _count(self, envelope: Envelope, report: Report | None, policy: _Policy) -> None:
        if report is not None:
            self._collector.dmarc(envelope, report, policy.disposition, policy.reason)

    def _wish(self, copy: Copy) -> DmarcPolicy:
        domain = copy.recipient.rpartition("@")[2].lower()
        return self._domain_policies.get(domain, self._dmarc_policy)

    def _evidence(
        self, envelope: Envelope, content: Content, copies: Sequence[Copy], report: Report | None, queue_id: str
    ) -> Evidence:
        dkim = [str(each.status) for each in report.dkim] if report else []
        return Evidence(
            envelope,
            content.headers(),
            content.head() if content.is_spooled else content.octets()[:SAMPLE_BYTES],
            content.size,
            tuple(dict.fromkeys(copy.inbox_id for copy in copies)),
            lambda: self._whole(content),
            str(report.spf.status) if report else "none",
            "pass" if "pass" in dkim else dkim[0] if dkim else "none",
            str(report.dmarc.status) if report else "none",
            str(report.iprev.status) if report else "none",
            queue_id=queue_id,
            proves_author=report is not None and report.proves_author,
        )

    async def _whole(self, content: Content) -> AsyncIterator[bytes]:
        if not content.is_spooled:
            yield content.octets()
            return
        await content.flush()
        offset, end = len(content.prefix), len(content.prefix) + content.size
        loop = asyncio.get_running_loop()
        while offset < end:
            chunk = await loop.run_in_executor(self._executor, os.pread, content.spool, READ_BYTES, offset)
            if not chunk:
                return
            offset += len(chunk)
            yield chunk

    def _fields(self, report: Report | None, assessment: Assessment | None) -> bytes:
        fields = report.field(self._hostname) if report else b""
        return fields + (assessment.header() if assessment else b"")


def _put_off(assessment: Assessment, queue_id: str, *, allowed: bool) -> None:
    """Ask a stranger to come back, unless every recipient allows him, or he is refused anyway."""
    if assessment.wait_seconds and assessment.action is not Action.REJECT and not allowed:
        log.info("inbound.message.greylisted", queue_id=queue_id, seconds=assessment.wait_seconds)
        raise errors.Greylisted


def _refuse(assessment: Assessment, *, allowed: bool) -> None:
    """Refuse what the filter wants refused; whom every recipient allows may look like junk, but carries no virus."""
    if assessment.action is not Action.REJECT:
        return
    names = [reason.name for reason in assessment.reasons]
    infected = any(name.startswith(VIRUS) for name in names)
    if infected or not allowed:
        log.info("inbound.message.refused", why="filter", score=round(assessment.score, 1), reasons=names[:20])
        raise errors.Infected if infected else errors.LooksLikeJunk


def _of(rulings: Mapping[int, Ruling], copy: Copy) -> Ruling:
    return rulings.get(copy.inbox_id, NO_RULING)


def _placed(copy: Copy, ruling: Ruling, policy: _Policy, report: Report | None, assessment: Assessment | None) -> Copy:
    """A copy with its folder, its labels and the verdict that explains them."""
    own = assessment.for_inbox(copy.inbox_id) if assessment else None
    trusted = report is not None and report.is_authenticated
    proven = report is not None and report.proves_author
    placement, why = "none", ""
    if ruling.outcome is Outcome.BLOCK:
        placement, why = "blocked", ruling.detail
    elif copy.message_id in policy.junk and report is not None:
        placement, why = "junk", f"The DMARC policy of {report.dmarc.policy_domain or report.dmarc.domain} asks for it."
    elif own is not None and own.is_junk and not (proven and ruling.outcome is Outcome.ALLOW):
        placement, why = "junk", "The score is high."
    labels = copy.labels if trusted or report is None else (*copy.labels, UNAUTHENTICATED)
    body: dict[str, Any] = {
        "placement": placement,
        "why": why,
        "list": ruling.outcome.value,
        "authentication": report.as_json() if report else None,
        "spam": own.as_json() if own else None,
    }
    judged = replace(copy, labels=labels, verdict=orjson.dumps(body).decode())
    if placement == "none":
        return judged
    hidden = Visibility.BLOCKED if placement == "blocked" else Visibility.SPAM
    return replace(judged, role=Role.JUNK.value, visibility=int(hidden))


def blocked(copy: Copy, ruling: Ruling) -> Copy:
    """A copy of mail from this very server, placed by nothing but the inbox's own lists."""
    if ruling.outcome is not Outcome.BLOCK:
        return copy
    return _placed(copy, ruling, _Policy(frozenset(), "none"), None, None)
