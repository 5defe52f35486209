"""Sends drafts whose time has come."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.draft import DraftState, StoredDraft
from mailserver.entities.identifiers import Kind
from mailserver.services.outbound.drafts import DraftChange, Drafts
from mailserver.storage import drafts, inboxes
from mailserver.storage.database import Database, Transaction

POLL_SECONDS = 30.0  # between looks for drafts that nobody rang for, such as those of another node
TROUBLE_SECONDS = 5.0  # before the store is asked again after it failed
LATER_MS = 60_000  # before a draft is tried again that could not be sent just then
AT_ONCE = 100
log = structlog.get_logger()


class Bell(Protocol):
    """Tells that a draft is to wait."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


class DraftClock:
    """One worker; several nodes may run it, since a draft goes away in the transaction that sends it."""

    def __init__(self, database: Database, sender: Drafts, bell: Bell, clock: Callable[[], int]) -> None:
        self._database = database
        self._drafts = sender
        self._bell = bell
        self._clock = clock
        self._later: dict[int, int] = {}  # draft to when it is tried again
        self._is_stopped = False

    async def run(self) -> None:
        """Send what is due, then wait for the next one, until told to stop."""
        while not self._is_stopped:
            try:
                sent = await self.once()
                due_at = await self._database.read(drafts.next_due_at, self._clock()) if not sent else None
            except errors.Temporary as error:
                log.warning("drafts.clock.failed", error=error.message)
                await self._bell.wait(drafts.TOPIC, TROUBLE_SECONDS)
                continue
            if not sent and not self._is_stopped:
                await self._bell.wait(drafts.TOPIC, self._patience(due_at))

    def stop(self) -> None:
        """Stop after what is in hand."""
        self._is_stopped = True
        self._bell.ring(drafts.TOPIC)

    async def once(self) -> int:
        """Send what is due; how many drafts were sent or given up."""
        now = self._clock()
        self._later = {number: at for number, at in self._later.items() if at > now}
        found = await self._database.read(drafts.due, now, AT_ONCE + len(self._later))
        done = 0
        for draft in found:
            if self._is_stopped:
                break
            if draft.id not in self._later:
                done += await self._send(draft)
        return done

    async def _send(self, draft: StoredDraft) -> int:
        inbox = await self._database.read(inboxes.get, draft.inbox_id)
        if inbox is None:  # its drafts go with it
            self._later[draft.id] = self._clock() + LATER_MS
            return 0
        caller = Caller(
            draft.tenant_id, Credential.API_KEY, 0, frozenset({Scope.EMAIL_SEND}), draft.inbox_id, label="scheduled"
        )  # fmt: skip
        text = identifiers.encode(Kind.DRAFT, draft.id)
        try:
            await self._drafts.send(caller, inbox, text, DraftChange())
        except (errors.Temporary, errors.TooMany) as error:
            log.info("drafts.send.deferred", draft_id=text, error=error.message)
            self._later[draft.id] = self._clock() + LATER_MS
            return 0
        except errors.ServiceError as error:
            log.info("drafts.send.failed", draft_id=text, error=error.message)
            await self._database.write(self._give_up, draft, error.message)
        else:
            log.info("drafts.sent", draft_id=text)
        return 1

    def _give_up(self, tx: Transaction, draft: StoredDraft, problem: str) -> None:
        """Say of a draft that it could not be sent, unless it was changed meanwhile."""
        present = drafts.get(tx, draft.id)
        if present == draft:
            failed = replace(
                draft, state=DraftState.FAILED, problem=problem, updated_at=max(self._clock(), draft.updated_at)
            )
            drafts.change(tx, failed)

    def _patience(self, due_at: int | None) -> float:
        if due_at is None:
            return POLL_SECONDS
        return min(max((due_at - self._clock()) / 1000, 0.05), POLL_SECONDS)
