"""What an inbox answers while nobody is there (RFC 8621 8)."""

import time

import structlog

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.inbox import Inbox
from mailserver.entities.sieve import VacationResponse
from mailserver.services.outbound.senders import refuse_unless_allowed
from mailserver.storage import changes, inboxes, vacations
from mailserver.storage.database import Database, Transaction

LONGEST_SUBJECT = 500
LONGEST_BODY = 64 << 10
LATEST_MS = 253_402_300_800_000  # the end of the year 9999
FORGOTTEN_AT_ONCE = 1_000
log = structlog.get_logger()


class Absences:
    """One notice an inbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, caller: Caller, inbox: Inbox) -> VacationResponse:
        """What an inbox answers."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(vacations.get, inbox.id)

    async def state(self, inbox: Inbox) -> int:
        """The number of the newest change to it."""
        return await self._database.read(changes.state, inbox.id, changes.VACATION_RESPONSE)

    async def put(self, caller: Caller, inbox: Inbox, response: VacationResponse) -> None:
        """Write what an inbox answers. With other words those who have had an answer get one again."""
        caller.require(Scope.EMAIL_WRITE)
        if response.is_enabled:
            refuse_unless_allowed(caller)
        _check(response)

        def write(tx: Transaction) -> None:
            if inboxes.get(tx, inbox.id) is None:
                raise errors.NotFound("There is no such inbox.")
            vacations.put(tx, inbox.tenant_id, inbox.id, response, int(time.time() * 1000))
            tx.ring("accounts")  # routes say which inboxes answer

        await self._database.write(write)
        log.info("sieve.absence.changed", inbox_id=inbox.id, is_enabled=response.is_enabled)

    async def forget(self) -> int:
        """Forget whom everybody may answer again; how many."""
        return await self._database.write(vacations.forget, int(time.time() * 1000), FORGOTTEN_AT_ONCE)


def _check(response: VacationResponse) -> None:
    subject = response.subject or ""
    if len(subject) > LONGEST_SUBJECT or not all(letter.isprintable() for letter in subject):
        _refuse("subject", f"A subject has {LONGEST_SUBJECT} printable characters at most.")
    for field, text in (("textBody", response.text), ("htmlBody", response.html)):
        if text is not None and len(text.encode("utf-8", "replace")) > LONGEST_BODY:
            _refuse(field, f"A body has {LONGEST_BODY >> 10} KB at most.")
    for field, at in (("fromDate", response.from_at), ("toDate", response.to_at)):
        if at is not None and not 0 <= at < LATEST_MS:
            _refuse(field, "The date is out of range.")


def _refuse(field: str, sentence: str) -> None:
    raise errors.Invalid(f"{field}: {sentence}", **{field: sentence})
