"""A contact is given to another inbox of the team, with what is still open."""

import time

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.event import Event, EventType
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.task import NewTask, TaskSource
from mailserver.services.team import teammates
from mailserver.services.team.copying import Copying
from mailserver.services.team.shares import LONGEST_NOTE
from mailserver.services.workspace import contacts as contact_names
from mailserver.services.workspace import reach
from mailserver.services.workspace.tasks import Tasks
from mailserver.storage import commitments, inboxes
from mailserver.storage.database import Database, Transaction


class Handoffs:
    """Hands contacts over. The card stays where it was, too."""

    def __init__(self, database: Database, ids: IdSource, tasks: Tasks, copying: Copying) -> None:
        self._database = database
        self._ids = ids
        self._tasks = tasks
        self._copying = copying

    async def hand_over(self, caller: Caller, contact: str, inbox: Inbox | None, to: str, note: str | None) -> int:
        """Copy the card and move open commitments; the number of the contact in the other book."""
        text = reach.text(note, "note", LONGEST_NOTE) if note and note.strip() else None

        def write(tx: Transaction) -> int:
            known = contact_names.one(tx, caller, contact, inbox)
            source, taker = inboxes.get(tx, known.inbox_id), teammates.by_id(tx, caller, to)
            if source is None:
                raise errors.NotFound("There is no such contact.")
            if taker.id == known.inbox_id:
                raise errors.Invalid("A contact is handed to another inbox.", to_inbox_id="It is the inbox itself.")
            made, now = self._copying.copy(tx, known, taker), int(time.time() * 1000)
            moved = sum(
                commitments.hand_over(tx, known.inbox_id, each.value, taker.id, made.id, now)
                for each in known.card.emails
            )
            task = NewTask(
                f"{source.address} hands the contact {known.card.full_name} over to you", TaskSource.HANDOFF, text,
                created_by_inbox_id=source.id,
            )  # fmt: skip
            self._tasks.add(tx, taker.id, task)
            body = {
                "contact_id": identifiers.encode(Kind.CONTACT, made.id),
                "from_inbox_id": identifiers.encode(Kind.INBOX, source.id),
                "full_name": known.card.full_name,
                "commitments": moved,
                "note": text,
            }
            kind = EventType.CONTACT_HANDOFF_RECEIVED
            tx.publish(Event(self._ids.next(), taker.tenant_id, taker.id, kind, now, body))
            return made.id

        return await self._database.write(write)
