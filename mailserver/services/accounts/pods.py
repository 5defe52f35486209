"""Pods of a tenant: made and taken away by its keys, and the check that every path into one passes."""

import time
from collections.abc import Sequence
from dataclasses import replace

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.pod import Pod
from mailserver.services.accounts import agent_inboxes
from mailserver.services.accounts.audit import Audit
from mailserver.storage import pods
from mailserver.storage.database import Database, Snapshot, Transaction

MOST = 10_000  # of one tenant
LONGEST_NAME = 200
UNNAMED = "Unnamed"


class Pods:
    """Every pod of the installation. A key that is bound to a pod knows no other, and one of an inbox knows none."""

    def __init__(self, database: Database, ids: IdSource, audit: Audit) -> None:
        self._database = database
        self._ids = ids
        self._audit = audit

    async def of(self, caller: Caller, text: str) -> Pod:
        """The pod that a caller means; NotFound for what is not there and for what is somebody else's."""
        return await self._database.read(_find, caller, text)

    async def within(self, caller: Caller, text: str) -> Caller:
        """The same caller, who sees nothing but this pod: what is done for it is done there."""
        return replace(caller, pod_id=(await self.of(caller, text)).id)

    async def ids_of(self, caller: Caller, texts: Sequence[str]) -> tuple[int, ...]:
        """The pods that are meant; NotFound for one that the caller has not."""
        if not texts:
            return ()

        def read(snapshot: Snapshot) -> tuple[int, ...]:
            return tuple(_find(snapshot, caller, text).id for text in dict.fromkeys(texts))

        return await self._database.read(read)

    async def page(self, caller: Caller, behind: int | None, limit: int, *, ascending: bool = False) -> list[Pod]:
        """Pods, newest first, from behind one."""
        _refuse_inbox(caller)
        if caller.pod_id is not None:
            found = await self._database.read(pods.get, caller.pod_id)
            return [found] if found is not None and behind is None else []
        return await self._database.read(pods.page, caller.tenant_id, behind, limit, ascending=ascending)

    async def create(self, caller: Caller, name: str | None, client_id: str | None) -> Pod:
        """Make a pod; one that the client has named so already is given back as it is."""
        _refuse_bound(caller)
        agent_inboxes.check_client_id(client_id)
        if name is not None and not (name.isprintable() and len(name) <= LONGEST_NAME):
            sentence = f"A name has at most {LONGEST_NAME} printable characters."
            raise errors.Invalid(sentence, name=sentence)
        now = int(time.time() * 1000)
        made = Pod(self._ids.next(), caller.tenant_id, name or UNNAMED, client_id, now, now)

        def write(tx: Transaction) -> Pod:
            known = pods.by_client_id(tx, caller.tenant_id, client_id) if client_id is not None else None
            if known is not None:
                return known
            if pods.count(tx, caller.tenant_id) >= MOST:
                raise errors.Conflict(f"There are {MOST:,} pods already; delete some first.")
            pods.add(tx, made)
            self._audit.add(tx, caller, "pod.created", _id(made), name=made.name)
            return made

        return await self._database.write(write)

    async def delete(self, caller: Caller, text: str) -> None:
        """Take an empty pod away, with its keys, its webhooks and its lists."""

        def write(tx: Transaction) -> None:
            known = _find(tx, caller, text)
            _refuse_bound(caller)
            if known.is_default:
                raise errors.NotEmpty("The organisation's own pod stays.")
            if pods.inbox_ids(tx, known.id, 1) or pods.has_domain(tx, known.id):
                raise errors.NotEmpty("The pod has inboxes or domains; delete those first.")
            pods.remove(tx, known, int(time.time() * 1000))
            self._audit.add(tx, caller, "pod.deleted", _id(known), name=known.name)

        await self._database.write(write)


def _find(snapshot: Snapshot, caller: Caller, text: str) -> Pod:
    _refuse_inbox(caller)
    try:
        found = pods.get(snapshot, identifiers.decode(Kind.POD, text))
    except identifiers.BadIdentifier:
        found = None
    if found is None or found.tenant_id != caller.tenant_id or caller.pod_id not in (None, found.id):
        raise errors.NotFound("There is no such pod.")
    return found


def _refuse_inbox(caller: Caller) -> None:
    if caller.inbox_id is not None:
        raise errors.Forbidden("This key is bound to one inbox.")


def _refuse_bound(caller: Caller) -> None:
    _refuse_inbox(caller)
    if caller.pod_id is not None:
        raise errors.Forbidden("This key is bound to one pod.")


def _id(pod: Pod) -> str:
    return identifiers.encode(Kind.POD, pod.id)
