"""The audit log: written beside each change, read by owners."""

import time
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Credential
from mailserver.entities.audit import Entry
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.storage import audit_log
from mailserver.storage.database import Database, Transaction

_KINDS = {Credential.API_KEY: Kind.API_KEY, Credential.AGENT_TOKEN: Kind.TOKEN}


class Audit:
    """Who did what."""

    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    def add(
        self, tx: Transaction, caller: Caller, action: str, object_id: str, inbox_id: int | None = None, **detail: Any
    ) -> None:
        """Append a line, inside the transaction of the change. Secrets and contents do not belong into `detail`."""
        entry = Entry(
            self._ids.next(), caller.tenant_id, int(time.time() * 1000), actor(caller), caller.credential.value,
            action, object_id, inbox_id, detail,
        )  # fmt: skip
        audit_log.add(tx, entry)

    async def page(
        self, caller: Caller, before: int | None, after_at: int | None, actor_id: str | None, action: str | None,
        limit: int,
    ) -> list[Entry]:  # fmt: skip
        """Lines of the caller's tenant, the newest first."""
        return await self._database.read(
            audit_log.page, caller.tenant_id, before, after_at, actor_id, action, caller.inbox_id, limit
        )


def actor(caller: Caller) -> str:
    """Who is asking, as an id."""
    if caller.user_id is not None:
        return identifiers.encode(Kind.USER, caller.user_id)
    if caller.credential is Credential.PASSWORD and caller.inbox_id is not None:
        return identifiers.encode(Kind.INBOX, caller.inbox_id)
    return identifiers.encode(_KINDS.get(caller.credential, Kind.TOKEN), caller.credential_id)
