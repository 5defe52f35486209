"""Calls that wait for somebody's approval: held as they were made, run once, or never.

What is held is complete, the files of a message included, so that nothing that happens meanwhile changes it. Suppressed
addresses, lists, budgets and the inbox's state are looked at when it is run, as for every message.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.approval import Approval, ApprovalState
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import MessageSummary, Visibility
from mailserver.entities.task import NewTask, TaskSource
from mailserver.services.accounts import audit as auditing
from mailserver.services.accounts.audit import Audit
from mailserver.services.mailbox import messages as mailbox_messages
from mailserver.services.mailbox.messages import Messages
from mailserver.services.outbound import held_payload
from mailserver.services.outbound.held_payload import HeldDelete
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable, Sending
from mailserver.storage import approvals, credentials, idempotency, messages
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.idempotency import Answered

KEPT_MS = 86_400_000
MOST_WAITING = 500  # of one inbox
MOST_BYTES = 100 << 20  # that they may take together
LONGEST_SUMMARY = 300
BROKEN_OFF_MS = 600_000
EXPIRED_AT_ONCE = 200
SEND, DELETE = Scope.EMAIL_SEND.value, Scope.EMAIL_DELETE.value
log = structlog.get_logger()


class TaskBook(Protocol):
    """Tells people what they are to do."""

    def add(self, tx: Transaction, inbox_id: int, new: NewTask) -> object:
        """Make a task of an inbox."""
        ...


class Broadcasting(Protocol):
    """Runs broadcasts that were held."""

    async def run_held(self, caller: Caller, inbox: Inbox, payload: bytes, once: Repeatable) -> None:
        """Ask for what was held; a second time nothing happens."""
        ...


@dataclass(frozen=True, slots=True)
class _Claimed:
    approval: Approval
    payload: bytes


class Approvals:
    """What agents have asked for and people decide."""

    def __init__(
        self, database: Database, ids: IdSource, sending: Sending, mailbox: Messages, audit: Audit,
        broadcasts: Broadcasting, tasks: TaskBook | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._ids = ids
        self._sending = sending
        self._mailbox = mailbox
        self._audit = audit
        self._broadcasts = broadcasts
        self._tasks = tasks

    # -- holding ------------------------------------------------------------------------------------------------

    async def hold_send(
        self, caller: Caller, inbox: Inbox, outgoing: Outgoing, repeatable: Repeatable | None = None
    ) -> str:
        """Hold a message instead of sending it; the id of what waits now. A repeated request holds nothing more."""
        caller.require(Scope.EMAIL_SEND)
        people, subject = await self._sending.addressed(inbox, outgoing)
        summary = f"To: {', '.join(people)} - {subject}"
        payload = await asyncio.to_thread(held_payload.write_send, outgoing)
        return await self._hold(caller, inbox, SEND, summary, payload, repeatable)

    async def hold_broadcast(self, caller: Caller, inbox: Inbox, summary: str, payload: bytes) -> str:
        """Hold a broadcast; the id of what waits now."""
        caller.require(Scope.EMAIL_SEND)
        return await self._hold(caller, inbox, SEND, summary, payload, None)

    async def hold_delete(self, caller: Caller, inbox: Inbox, text: str) -> str:
        """Hold the removal of a message; the id of what waits now."""
        caller.require(Scope.EMAIL_DELETE)
        summary = await self._mailbox.find(caller, text, inbox)
        payload = held_payload.write_delete(HeldDelete(summary.id, summary.visibility is Visibility.TRASH))
        return await self._hold(caller, inbox, DELETE, f"Delete: {summary.subject}", payload, None)

    async def _hold(
        self, caller: Caller, inbox: Inbox, action: str, summary: str, payload: bytes, repeatable: Repeatable | None
    ) -> str:
        now = int(time.time() * 1000)
        plain = " ".join(summary.split())[:LONGEST_SUMMARY]
        new = Approval(
            self._ids.next(), inbox.tenant_id, inbox.id, caller.credential_id, caller.label, action, plain,
            ApprovalState.PENDING, now, now + KEPT_MS,
        )  # fmt: skip

        def write(tx: Transaction) -> int:
            name = f"{inbox.id:x} held {repeatable.key}" if repeatable else ""
            if repeatable is not None:
                known = idempotency.get(tx, inbox.tenant_id, name, now)
                if known is not None and known.fingerprint != repeatable.fingerprint:
                    raise errors.Conflict("The Idempotency-Key was used for another request.")
                if known is not None:
                    return int(known.answer)
            number, octets = approvals.waiting(tx, inbox.id)
            if number >= MOST_WAITING or octets + len(payload) > MOST_BYTES:
                raise errors.TooMany("Too much waits for approval already.")
            approvals.add(tx, new, payload)
            if repeatable is not None:
                answered = Answered(repeatable.fingerprint, str(new.id))
                idempotency.put(tx, inbox.tenant_id, name, answered, now)
            self._tell(tx, new, EventType.APPROVAL_REQUESTED)
            self._audit.add(tx, caller, "approval.requested", _text(new.id), inbox.id, action_type=action)
            if self._tasks is not None:
                asked = NewTask(f"Approve or reject: {plain}", TaskSource.APPROVAL, due_at=new.expires_at)
                self._tasks.add(tx, inbox.id, asked)
            return new.id

        return _text(await self._database.write(write))

    # -- deciding -----------------------------------------------------------------------------------------------

    async def page(self, inbox: Inbox, state: ApprovalState | None, position: int, limit: int) -> list[Approval]:
        """What waits in an inbox, or has waited, the newest first."""
        return await self._database.read(approvals.page, inbox.id, state, position, limit)

    async def get(self, inbox: Inbox, text: str) -> Approval:
        """One of an inbox; NotFound where there is none."""
        return await self._database.read(_find, inbox, text)

    async def approve(self, caller: Caller, inbox: Inbox, text: str) -> None:
        """Run what waits, once. Never by the token that asked for it; refused then if it would be refused now."""
        claimed = await self._database.write(self._claim, caller, inbox, text)
        approval = claimed.approval
        try:
            if approval.action_type == SEND:
                await self._send(inbox, claimed)
            else:
                await self._database.write(self._delete, claimed)
        except errors.Temporary:
            await self._database.write(self._finish, caller, approval, ApprovalState.PENDING, None)
            raise
        except errors.ServiceError as error:
            await self._database.write(self._finish, caller, approval, ApprovalState.FAILED, error.message)
            raise
        await self._database.write(self._finish, caller, approval, ApprovalState.APPROVED, None)
        log.info("outbound.approval.run", approval_id=approval.id, action=approval.action_type)

    async def reject(self, caller: Caller, inbox: Inbox, text: str) -> None:
        """Throw away what waits."""

        def write(tx: Transaction) -> None:
            approval = _find(tx, inbox, text)
            _refuse_own(caller, approval)
            now = int(time.time() * 1000)
            by = auditing.actor(caller)
            if not approvals.move(tx, approval.id, ApprovalState.PENDING, ApprovalState.REJECTED, by, now):
                raise errors.Invalid(f"It is {approval.state.value} already.")
            self._tell(tx, approval, EventType.APPROVAL_REJECTED)
            self._audit.add(tx, caller, "approval.rejected", _text(approval.id), inbox.id)

        await self._database.write(write)

    async def expire(self) -> int:
        """Throw away what nobody looked at within a day; how many."""
        now = int(time.time() * 1000)
        await self._database.write(approvals.release, now - BROKEN_OFF_MS)

        def write(tx: Transaction) -> int:
            found = approvals.due(tx, now, EXPIRED_AT_ONCE)
            for approval in found:
                approvals.move(tx, approval.id, ApprovalState.PENDING, ApprovalState.EXPIRED, None, now)
                self._tell(tx, approval, EventType.APPROVAL_EXPIRED)
            return len(found)

        number = 0
        while some := await self._database.write(write):
            number += some
        return number

    # -- inside -------------------------------------------------------------------------------------------------

    def _claim(self, tx: Transaction, caller: Caller, inbox: Inbox, text: str) -> _Claimed:
        approval = _find(tx, inbox, text)
        _refuse_own(caller, approval)
        now = int(time.time() * 1000)
        if approval.state is not ApprovalState.PENDING or approval.expires_at <= now:
            is_over = approval.state is ApprovalState.PENDING
            raise errors.Invalid(f"It is {'expired' if is_over else approval.state.value} already.")
        if credentials.token_by_id(tx, approval.tenant_id, approval.credential_id) is None:
            raise errors.Invalid("The token that asked for it was revoked; reject it.")
        payload = approvals.payload(tx, approval.id)
        if payload is None:
            raise errors.NotFound("There is no such approval.")
        approvals.move(tx, approval.id, ApprovalState.PENDING, ApprovalState.RUNNING, auditing.actor(caller), now)
        return _Claimed(approval, payload)

    async def _send(self, inbox: Inbox, claimed: _Claimed) -> None:
        """A second run after a crash finds the first one's answer, and sends nothing."""
        approval = claimed.approval
        once = Repeatable(f"approval {approval.id:x}", _text(approval.id))
        if held_payload.is_broadcast(claimed.payload):
            await self._broadcasts.run_held(_asker(approval), inbox, claimed.payload, once)
            return
        held = await asyncio.to_thread(held_payload.read_send, claimed.payload)
        original = None
        if held.original_id is not None:
            original = await self._database.read(_original, inbox.id, held.original_id)
        await self._sending.send(_asker(approval), inbox, held.outgoing(original), once)

    def _delete(self, tx: Transaction, claimed: _Claimed) -> None:
        held, approval = held_payload.read_delete(claimed.payload), claimed.approval
        if messages.find(tx, held.message_id) is None:
            raise errors.NotFound("The message is gone already.")
        (summary,) = messages.summaries(tx, [held.message_id])
        if summary.visibility is Visibility.TRASH and not held.is_final:
            return  # somebody has thrown it away meanwhile; more was not asked for
        number = identifiers.encode(Kind.MESSAGE, held.message_id)
        mailbox_messages.delete_in(tx, _asker(approval), approval.inbox_id, number)

    def _finish(
        self, tx: Transaction, caller: Caller, approval: Approval, state: ApprovalState, result: str | None
    ) -> None:
        now, by = int(time.time() * 1000), auditing.actor(caller)
        approvals.move(tx, approval.id, ApprovalState.RUNNING, state, by, now, result)
        if state is ApprovalState.PENDING:
            return
        if state is ApprovalState.APPROVED:
            self._tell(tx, approval, EventType.APPROVAL_APPROVED)
        self._audit.add(tx, caller, f"approval.{state.value}", _text(approval.id), approval.inbox_id)

    def _tell(self, tx: Transaction, approval: Approval, kind: EventType) -> None:
        body = {
            "approval_id": _text(approval.id), "action_type": approval.action_type, "summary": approval.summary,
            "token_label": approval.token_label,
        }  # fmt: skip
        now = int(time.time() * 1000)
        tx.publish(Event(self._ids.next(), approval.tenant_id, approval.inbox_id, kind, now, body))


def _find(snapshot: Snapshot, inbox: Inbox, text: str) -> Approval:
    try:
        found = approvals.get(snapshot, identifiers.decode(Kind.APPROVAL, text))
    except identifiers.BadIdentifier as error:
        raise errors.NotFound("There is no such approval.") from error
    if found is None or found.inbox_id != inbox.id:
        raise errors.NotFound("There is no such approval.")
    return found


def _original(snapshot: Snapshot, inbox_id: int, number: int) -> MessageSummary:
    found = messages.find(snapshot, number)
    if found is None or found[1] != inbox_id:
        raise errors.Invalid("The message that it answers is gone.")
    return messages.summaries(snapshot, [number])[0]


def _refuse_own(caller: Caller, approval: Approval) -> None:
    if caller.credential_id == approval.credential_id:
        raise errors.Forbidden("A token does not decide about what it asked for itself.")


def _asker(approval: Approval) -> Caller:
    """Whoever asked, with leave."""
    scopes = frozenset({Scope(approval.action_type)})
    return Caller(approval.tenant_id, Credential.AGENT_TOKEN, approval.credential_id, scopes, approval.inbox_id)


def _text(number: int) -> str:
    return identifiers.encode(Kind.APPROVAL, number)
