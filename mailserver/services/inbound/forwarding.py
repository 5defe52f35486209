"""Pass mail on: to the targets of those who forward, and bounces of what was forwarded to who had written it.

What is passed on is part of the journal record of the copies, so that either all of it is promised or nothing. The
message stays as it is; the envelope sender becomes one of ours, so that SPF holds and bounces find their way back.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from mailserver.entities.delivery import BOUNCE, FORWARD, OWN_FORWARD, Delivery, QueuedMessage, State
from mailserver.entities.identifiers import IdSource
from mailserver.entities.message import Visibility
from mailserver.entities.rule import Outcome, Ruling
from mailserver.mail import auto, dmarc, headers, spf
from mailserver.mail.address import Address
from mailserver.mail.authentication import Report
from mailserver.mail.envelope import Envelope, Recipient
from mailserver.memory import Memory
from mailserver.services.inbound.rewriting import Rewriting
from mailserver.services.inbound.routing import Onward, Route
from mailserver.services.mailbox.acceptance import Content
from mailserver.storage import files
from mailserver.storage.records import Copy

HOUR_SECONDS = 3600.0
MOST_REMEMBERED = 50_000
NEVER = "NEVER"
log = structlog.get_logger()
Routes = Sequence[tuple[Address, Route]]


class SendLists(Protocol):
    """The allow and block lists of what is sent."""

    async def for_mail_out(
        self, tenant_id: int, inbox_id: int, recipients: Sequence[Address]
    ) -> Mapping[Address, Ruling]:
        """What the lists say of each recipient."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """What is known of a message that may be passed on. `author_domain` is set for mail of our own users."""

    envelope: Envelope
    header_id: str
    subject: str
    size: int
    eight_bit: bool
    smtputf8: bool
    is_automatic: bool
    is_doubtful: bool = False  # its sender is very likely not who it says: nobody gets a bounce for it
    is_binary: bool = False
    author_domain: str | None = None
    queued_id: int = 0  # that it has to take, so that a repetition passes it on once

    @property
    def must_be_kept(self) -> bool:
        """Whether nobody would hear of it if the target did not take it."""
        return self.is_doubtful or self.is_automatic


@dataclass(frozen=True, slots=True)
class PassedOn:
    """The copies that are still to be stored, and what leaves."""

    copies: list[Copy]
    queued: QueuedMessage | None = None
    deliveries: tuple[Delivery, ...] = ()


class Forwarding:
    """Builds what is passed on. One for the process."""

    def __init__(
        self,
        ids: IdSource,
        rewriting: Rewriting,
        lists: SendLists,
        lifetime_seconds: float,
        most_an_hour: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ids = ids
        self._rewriting = rewriting
        self._lists = lists
        self._lifetime_ms = int(lifetime_seconds * 1000)
        self._most_an_hour = most_an_hour
        self._counts: Memory[int, int] = Memory(HOUR_SECONDS, MOST_REMEMBERED, clock)

    def stand_ins(self, routes: Routes) -> list[Copy]:
        """Copies that are judged in the place of bounces that only pass through; nobody stores them."""
        return [
            Copy(self._ids.next(), 0, route.back.tenant_id, "", recipient=str(address))
            for address, route in routes
            if route.back is not None
        ][:1]

    async def build(self, letter: Letter, copies: Sequence[Copy], routes: Routes) -> PassedOn:
        """What is stored and what leaves, once every copy has its place."""
        stored = [copy for copy in copies if copy.inbox_id]
        placed = {copy.inbox_id: copy for copy in stored}
        onward = await self._allowed(letter, [one for _, route in routes for one in route.forwards], placed)
        if onward and not letter.must_be_kept:
            unwanted = _unwanted(routes, onward)
            stored = [copy for copy in stored if copy.inbox_id not in unwanted]
        is_refused = any(not copy.inbox_id and copy.visibility != Visibility.NORMAL for copy in copies)
        back = [(address, route.back) for address, route in routes if route.back is not None and not is_refused]
        if not onward and not back:
            return PassedOn(stored)
        now = int(time.time() * 1000)
        first = onward[0] if onward else None
        domain = first.domain if first else back[0][0].domain
        sender = await self._rewriting.rewrite(letter.envelope.sender, domain) if first else None
        queued = QueuedMessage(
            id=letter.queued_id or self._ids.next(), tenant_id=first.tenant_id if first else back[0][1].tenant_id,
            inbox_id=first.inbox_id if first else 0, message_id=None, thread_id=None, header_id=letter.header_id,
            subject=letter.subject, sender="" if sender is None else str(sender),
            domain=letter.author_domain or domain, location="", size=letter.size, eight_bit=letter.eight_bit,
            smtputf8=letter.smtputf8, require_tls=letter.envelope.require_tls, ret=letter.envelope.ret,
            envid=letter.envelope.envid, source=_source(letter, first), created_at=now,
            expires_at=now + self._lifetime_ms, forwarded_by=_mark(onward),
        )  # fmt: skip
        queued = replace(queued, location=files.outbound_location(queued.id))
        asked = {recipient.address: recipient for recipient in letter.envelope.recipients}
        rows: dict[tuple[int, str], Delivery] = {}
        for one in onward:
            row = self._delivery(queued, one, asked.get(one.named), domain, letter)
            rows.setdefault((row.inbox_id, row.recipient), row)
        deliveries = list(rows.values())
        deliveries += [self._row(queued, to.sender, to.tenant_id, 0, NEVER, None) for _, to in back]
        for row in deliveries:
            log.info(
                "inbound.message.passed_on", queue_id=queued.queue_id, inbox_id=row.inbox_id, recipient=row.recipient
            )
        return PassedOn(stored, queued, tuple(deliveries))

    async def _allowed(self, letter: Letter, forwards: Sequence[Onward], placed: Mapping[int, Copy]) -> list[Onward]:
        """The forwards that this message may take, each target once."""
        found: dict[str, Onward] = {}
        counted: set[int] = set()
        for one in forwards:
            copy = placed.get(one.inbox_id)
            if copy is None or one.target.normal in found:
                continue
            why = await self._refusal(letter, one, copy, is_counted=one.inbox_id in counted)
            if why:
                log.info("inbound.message.not_passed_on", inbox_id=one.inbox_id, target=str(one.target), why=why)
                continue
            counted.add(one.inbox_id)
            found[one.target.normal] = one
        return list(found.values())

    async def _refusal(self, letter: Letter, one: Onward, copy: Copy, *, is_counted: bool) -> str:
        if copy.visibility != Visibility.NORMAL:
            return "junk" if copy.visibility == Visibility.SPAM else "blocked"
        if letter.is_binary:
            return "binary"
        rulings = await self._lists.for_mail_out(one.tenant_id, one.inbox_id, [one.target])
        if one.target in rulings and rulings[one.target].outcome is Outcome.BLOCK:
            return "send list"
        if is_counted:
            return ""
        count = (self._counts.get(one.inbox_id) or 0) + 1
        if count > self._most_an_hour:
            return "rate"
        self._counts.put(one.inbox_id, count)
        return ""

    def _delivery(
        self, queued: QueuedMessage, one: Onward, asked: Recipient | None, domain: str, letter: Letter
    ) -> Delivery:
        """A row for a target.

        A forward by an inbox of another domain is not to show this one's name to its target: the message comes back
        to that inbox by the queue, which passes it on by itself.
        """
        notify = NEVER if letter.is_doubtful else asked.notify if asked else None
        orcpt = (asked.orcpt if asked else None) or _original(one.named)
        target = one.target if one.domain == domain else one.named
        return self._row(queued, target, one.tenant_id, one.inbox_id, notify, orcpt)

    def _row(
        self, queued: QueuedMessage, target: Address, tenant_id: int, inbox_id: int, notify: str | None,
        orcpt: str | None,
    ) -> Delivery:  # fmt: skip
        return Delivery(
            id=self._ids.next(), queued_id=queued.id, tenant_id=tenant_id, inbox_id=inbox_id, recipient=str(target),
            domain=target.domain, state=State.QUEUED, notify=notify, orcpt=orcpt, attempts=0,
            next_attempt_at=queued.created_at, created_at=queued.created_at,
        )  # fmt: skip


def letter(envelope: Envelope, content: Content, size: int, report: Report | None) -> Letter:
    """What forwarding has to know of a message from port 25."""
    head = content.headers()
    ids = headers.message_ids(head.first("message-id") or b"")
    names = [each.address for each in envelope.recipients] + ([envelope.sender] if envelope.sender else [])
    is_plain = content.head()[: content.body_offset].isascii() and all(each.is_ascii for each in names)
    return Letter(
        envelope, ids[0] if ids else "", headers.decode(head.first("subject") or b""), size,
        eight_bit=not content.is_ascii, smtputf8=envelope.smtputf8 and not is_plain,
        is_automatic=auto.is_automatic(head), is_doubtful=report is not None and is_doubtful(report),
        is_binary=_is_binary(envelope, content),
    )  # fmt: skip


def _is_binary(envelope: Envelope, content: Content) -> bool:
    """RFC 3030 3: what is not made of lines can be stored, but hardly any server takes it from us."""
    if envelope.body != "BINARYMIME":
        return False
    octets = b"" if content.is_spooled else content.octets()
    lines = octets.count(b"\r\n")
    return content.is_spooled or lines != octets.count(b"\n") or lines != octets.count(b"\r") or b"\0" in octets


def is_doubtful(report: Report) -> bool:
    """Whether SPF or DMARC say that the sender is not who it claims to be: a bounce would reach somebody else."""
    if report.dmarc.status is dmarc.Status.PASS:
        return False
    return report.dmarc.status is dmarc.Status.FAIL or report.spf.status in (spf.Status.FAIL, spf.Status.SOFTFAIL)


def _source(one: Letter, first: Onward | None) -> str:
    if first is None:
        return BOUNCE
    return FORWARD if one.author_domain is None else OWN_FORWARD


def _mark(onward: Sequence[Onward]) -> str | None:
    """The name by which a message is known that comes back."""
    marks = [one.mark for one in sorted(onward, key=lambda one: bool(one.alias)) if one.domain == onward[0].domain]
    return marks[0] if marks else None


def _unwanted(routes: Routes, onward: Sequence[Onward]) -> set[int]:
    """The inboxes that keep no copy: by every address that the message named, it only goes on."""
    taken = {(one.inbox_id, one.target.normal) for one in onward}
    wanted: set[int] = set()
    reached: set[int] = set()
    for _, route in routes:
        for destination in route.destinations:
            own = [one for one in route.forwards if one.inbox_id == destination.inbox_id]
            reached.add(destination.inbox_id)
            if not own or any(one.keeps_copy or (one.inbox_id, one.target.normal) not in taken for one in own):
                wanted.add(destination.inbox_id)
    return reached - wanted


def _original(named: Address) -> str | None:
    """ORCPT where the sender gave none: the address that it knows (RFC 3461 5.2.1)."""
    text = str(named)
    if not text.isascii():
        return None
    return "rfc822;" + "".join(
        letter if "!" <= letter <= "~" and letter not in "+=" else f"+{ord(letter):02X}" for letter in text
    )
