"""Ids that a caller gives, checked against what the caller may see: the one place where mail is found by its id.

What is not there and what is somebody else's are the same NotFound.
"""

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.mail import threading
from mailserver.storage import messages, pods, threads
from mailserver.storage.database import Snapshot

LONGEST_ID = 1000


def message_id(snapshot: Snapshot, caller: Caller, text: str, inbox_id: int | None = None) -> int:
    """A message by our id or by its Message-ID, with or without angle brackets."""
    if len(text) > LONGEST_ID:
        raise errors.NotFound("There is no such message.")
    try:
        number = identifiers.decode(Kind.MESSAGE, text)
    except identifiers.BadIdentifier:
        return _by_header_id(snapshot, caller, text, inbox_id)
    found = messages.find(snapshot, number)
    if found is None or not _may_see(snapshot, caller, *found, inbox_id) or not _is_seen(snapshot, caller, number):
        raise errors.NotFound("There is no such message.")
    return number


def thread_id(snapshot: Snapshot, caller: Caller, text: str, inbox_id: int | None = None) -> int:
    """A thread by its id."""
    try:
        number = identifiers.decode(Kind.THREAD, text)
    except identifiers.BadIdentifier as error:
        raise errors.NotFound("There is no such thread.") from error
    found, hidden = threads.find(snapshot, number), caller.hidden
    if found is None or not _may_see(snapshot, caller, *found, inbox_id):
        raise errors.NotFound("There is no such thread.")
    if hidden and not threads.message_ids(snapshot, number, 1, hidden=hidden):
        raise errors.NotFound("There is no such thread.")
    return number


def _by_header_id(snapshot: Snapshot, caller: Caller, text: str, inbox_id: int | None) -> int:
    header_id = text if text.startswith("<") else f"<{text}>"
    digest = threading.reference_hashes(header_id, None, ())[-1]
    for number, owner, stored in messages.by_header_hash(snapshot, caller.tenant_id, digest):
        is_own = stored == header_id and _may_see(snapshot, caller, caller.tenant_id, owner, inbox_id)
        if is_own and _is_seen(snapshot, caller, number):
            return number
    raise errors.NotFound("There is no such message.")


def _may_see(snapshot: Snapshot, caller: Caller, tenant_id: int, owner: int, inbox_id: int | None) -> bool:
    if tenant_id != caller.tenant_id or caller.inbox_id not in (None, owner) or inbox_id not in (None, owner):
        return False
    return caller.pod_id is None or caller.pod_id == pods.of_inbox(snapshot, owner)


def _is_seen(snapshot: Snapshot, caller: Caller, number: int) -> bool:
    hidden = caller.hidden
    return not hidden or messages.is_seen(snapshot, number, hidden)
