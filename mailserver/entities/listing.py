"""What a list of messages or threads shows."""

from dataclasses import dataclass, replace

from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.entities.message import Visibility


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that every item of a list meets.

    Times are unix milliseconds; `labels` are atoms, all of which an item must have.
    """

    inbox_ids: tuple[int, ...] = ()  # empty for all of the tenant
    tenant_id: int = 0
    pod_id: int | None = None  # only its inboxes, where none are named
    folder_id: int | None = None
    after: int | None = None
    before: int | None = None
    unread: bool | None = None
    starred: bool | None = None
    ours: bool | None = None
    visibilities: tuple[Visibility, ...] = (Visibility.NORMAL,)
    labels: tuple[str, ...] = ()
    without_labels: tuple[str, ...] = ()  # atoms, none of which an item may have
    without_visibilities: tuple[Visibility, ...] = ()  # what a thread is looked at without
    drafts: bool | None = None  # False leaves out what is still being written
    senders: tuple[str, ...] = ()  # each has to stand somewhere in the field, letter case aside
    recipients: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    ascending: bool = False


def narrowed(caller: Caller, where: Filter) -> Filter:
    """The same filter over nothing but what the caller may see; NotFound where it names another inbox.

    Inboxes that a filter names beside that were found for the caller already.
    """
    own, hidden = where.inbox_ids, caller.hidden
    if caller.inbox_id is not None:
        if own not in ((), (caller.inbox_id,)):
            raise errors.NotFound("There is no such inbox.")
        own = (caller.inbox_id,)
    return replace(
        where, inbox_ids=own, tenant_id=caller.tenant_id, pod_id=caller.pod_id,
        visibilities=tuple(each for each in where.visibilities if each not in hidden.visibilities),
        without_visibilities=tuple(sorted(hidden.visibilities)),
        without_labels=(*where.without_labels, *sorted(hidden.labels - set(where.without_labels))),
    )  # fmt: skip
