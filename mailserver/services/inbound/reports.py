"""Recognise bounces and complaints about our mail, and take what they say into the delivery that they are about."""

import asyncio
import os
from collections.abc import Collection, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Protocol

import orjson
import structlog

from mailserver.entities.delivery import Delivery, Failed, FailureKind, Job, State
from mailserver.mail import address, dmarc, dsn, feedback, parameters, report_letter, verp
from mailserver.mail.authentication import Report as Findings
from mailserver.mail.dsn import Report, ReportedRecipient
from mailserver.mail.envelope import Envelope
from mailserver.mail.feedback import Complaint
from mailserver.mail.headers import Headers
from mailserver.mail.reply import Reply
from mailserver.services.mailbox.acceptance import Content
from mailserver.services.outbound.outcomes import Outcomes
from mailserver.storage import deliveries, email_submissions
from mailserver.storage.database import Database, Snapshot, Transaction

READ_BYTES = 1_048_576  # what a report has to say stands in its first part
MOST_DELIVERIES = 100  # sent under one Message-ID, looked at for one report
OWN = "own"  # a report of ours
_Recognised = tuple[str | None, tuple[tuple[int, int], ...]]

log = structlog.get_logger()


class Verification(Protocol):
    """Finds out who sent a message."""

    async def report(self, envelope: Envelope, content: Content) -> Findings:
        """SPF, DKIM, DMARC and the rest; never raises."""
        ...


class Marking:
    """Verification that knows aggregate reports, so that two servers do not report to each other about reports.

    Only mail that its author's domain has sent, by DMARC: a forger must not hide behind a subject.
    """

    def __init__(self, verification: Verification) -> None:
        self._verification = verification

    async def report(self, envelope: Envelope, content: Content) -> Findings:
        """The findings, with their mark."""
        found = await self._verification.report(envelope, content)
        if found.dmarc.status is dmarc.Status.PASS and report_letter.is_likely(content.headers()):
            return replace(found, is_aggregate=True)
        return found


class Reports:
    """Reads reports as they arrive.

    A report to a signed return path is about the delivery that the path names, whatever it says. One that only quotes a
    Message-ID may be anybody's invention: it is believed about recipients of that message, but suppresses nobody.
    """

    def __init__(
        self, database: Database, outcomes: Outcomes, hostname: str, return_path_secret: bytes, executor: Executor
    ) -> None:
        self._database = database
        self._outcomes = outcomes
        self._hostname = hostname
        self._secret = return_path_secret
        self._executor = executor

    async def recognise(self, envelope: Envelope, content: Content, delivery_ids: tuple[int, ...]) -> _Recognised:
        """What the message reports, as JSON for `apply`, and the inboxes that get it though nobody addressed them."""
        may_report = envelope.sender is None or bool(delivery_ids) or _is_report(content.headers())
        if not may_report:
            return None, ()
        raw = content.octets() if not content.is_spooled else b""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._executor, _read, raw, content.spool, bool(delivery_ids))
        named = frozenset(str(recipient.address).lower() for recipient in envelope.recipients)
        return await self._database.read(self._attribute, found, delivery_ids, named)

    def apply(self, tx: Transaction, report: str, now: int, message_ids: Sequence[int] = ()) -> None:
        """Take a recognised report, stored as these messages, into the queue's rows. Twice it changes nothing more."""
        told: dict[str, Any] = orjson.loads(report)
        if told["kind"] != "complaint" and message_ids:
            email_submissions.note_report(tx, told["deliveries"], message_ids)
        if told["kind"] == OWN:
            return  # what it says was recorded by who wrote it
        for job in deliveries.jobs(tx, told["deliveries"]):
            if told["kind"] == "complaint":
                self._outcomes.complain(tx, job, now, told["feedback_type"])
                continue
            for delivery in job.deliveries:
                self._take_in(tx, job, delivery, told, now)

    def _take_in(self, tx: Transaction, job: Job, delivery: Delivery, told: dict[str, Any], now: int) -> None:
        status, diagnostic = told["status"], told["diagnostic"]
        reply = Reply(550 if status.startswith("5") else 450, status, diagnostic)
        is_final = told["kind"] == "failed" and delivery.state is State.DELIVERED
        log.info("inbound.report.applied", delivery_id=delivery.id, kind=told["kind"], status=status, is_final=is_final)
        if not is_final:
            if told["kind"] == "delayed" and delivery.state is State.DELIVERED:
                deliveries.note_reply(tx, delivery.id, str(reply))
                email_submissions.told(tx, [job.message.id])
            return
        host = told["host"] or delivery.last_host or ""
        failed = Failed(now, FailureKind.REPORTED, reply, host, delivery.tls or "none")
        self._outcomes.record_report(tx, job.message, delivery, failed, is_proven=told["is_proven"])

    def _attribute(
        self,
        snapshot: Snapshot,
        found: Report | Complaint | None,
        delivery_ids: tuple[int, ...],
        named: Collection[str],
    ) -> _Recognised:
        """Which deliveries it is about: those of the return path, else those of the quoted message.

        What came back to the very sender that we gave a forwarded message is about that one, as by a return path.
        """
        jobs = deliveries.jobs(snapshot, delivery_ids)
        inboxes = tuple(dict.fromkeys((job.message.inbox_id, job.message.tenant_id) for job in jobs))
        if isinstance(found, Complaint):
            return self._complaint(snapshot, found, jobs), inboxes
        if found is None or found.reporting_mta == self._hostname:  # our own reports were recorded by their cause
            return None, inboxes
        recipient = _worst(found.recipients)
        is_proven = bool(jobs)
        if not jobs and found.original_header_id:
            quoted = deliveries.by_header_id(snapshot, found.original_header_id, MOST_DELIVERIES)
            forwarded = [job for job in quoted if job.message.is_passed_on and job.message.sender.lower() in named]
            quoted, is_proven = forwarded or quoted, bool(forwarded)
            numbers = _named(quoted, recipient.address)
        else:
            numbers = [delivery.id for job in jobs for delivery in job.deliveries]
        if not numbers:
            return None, inboxes
        told = {
            "kind": recipient.action,
            "deliveries": numbers,
            "status": recipient.status or ("5.0.0" if recipient.action == "failed" else "4.0.0"),
            "diagnostic": recipient.diagnostic,
            "host": found.reporting_mta or "",
            "is_proven": is_proven,
        }
        return orjson.dumps(told).decode(), inboxes

    def _complaint(self, snapshot: Snapshot, complaint: Complaint, jobs: list[Job]) -> str | None:
        """A complaint counts where it quotes a return path that we signed, or came to one."""
        numbers = [delivery.id for job in jobs for delivery in job.deliveries]
        if not numbers and complaint.original_mail_from:
            number = verp.read(self._secret, complaint.original_mail_from)
            job = deliveries.get(snapshot, number) if number is not None else None
            numbers = [delivery.id for delivery in job.deliveries] if job else []
        if not numbers or complaint.feedback_type == "not-spam":
            return None
        told = {"kind": "complaint", "deliveries": numbers, "feedback_type": complaint.feedback_type}
        return orjson.dumps(told).decode()


def own(delivery_ids: Sequence[int]) -> str:
    """What `apply` is told of a report that this server writes to its own sender."""
    return orjson.dumps({"kind": OWN, "deliveries": list(delivery_ids)}).decode()


def _read(raw: bytes, spool: int, is_expected: bool) -> Report | Complaint | None:  # noqa: FBT001  called by an executor
    """Read what a message reports. Blocks."""
    if spool >= 0:
        raw = os.pread(spool, READ_BYTES, 0)
    raw = raw[:READ_BYTES]
    return feedback.parse(raw) or dsn.parse(raw, is_expected=is_expected)


def _is_report(head: Headers) -> bool:
    kind, _ = parameters.content_type(head.first(b"content-type"))
    return kind == "multipart/report"


def _worst(recipients: tuple[ReportedRecipient, ...]) -> ReportedRecipient:
    order = ("failed", "delayed", "expanded", "relayed", "delivered")
    return min(recipients, key=lambda one: order.index(one.action))


def _named(quoted: list[Job], text: str) -> list[int]:
    """The deliveries of the quoted message that went to the reported address."""
    try:
        normal = address.parse(text).normal
    except address.AddressError:
        return []
    found = []
    for job in quoted:
        for delivery in job.deliveries:
            try:
                is_meant = address.parse(delivery.recipient).normal == normal
            except address.AddressError:
                continue
            if is_meant:
                found.append(delivery.id)
    return found
