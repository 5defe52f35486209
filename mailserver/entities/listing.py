"""What a list of messages or threads shows."""

from dataclasses import dataclass

from mailserver.entities.message import Visibility


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that every item of a list meets.

    Times are unix milliseconds; `labels` are atoms, all of which an item must have.
    """

    inbox_ids: tuple[int, ...] = ()  # empty for all of the tenant
    tenant_id: int = 0
    folder_id: int | None = None
    after: int | None = None
    before: int | None = None
    unread: bool | None = None
    starred: bool | None = None
    ours: bool | None = None
    visibilities: tuple[Visibility, ...] = (Visibility.NORMAL,)
    labels: tuple[str, ...] = ()
    without_labels: tuple[str, ...] = ()  # atoms, none of which an item may have
    drafts: bool | None = None  # False leaves out what is still being written
    senders: tuple[str, ...] = ()  # each has to stand somewhere in the field, letter case aside
    recipients: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    ascending: bool = False
