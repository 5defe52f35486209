"""A list's parameters to a filter: system labels are flags and folders, the others stand in the tenant's dictionary."""

from dataclasses import replace

from mailserver.api.agentry import present
from mailserver.api.agentry.schemas.messages import ListInboxMessages, ListShape
from mailserver.api.agentry.schemas.threads import ListThreads
from mailserver.entities import label, mail_labels
from mailserver.entities.listing import Filter
from mailserver.entities.message import Visibility

_HIDDEN = {
    mail_labels.SPAM: Visibility.SPAM, mail_labels.TRASH: Visibility.TRASH, mail_labels.BLOCKED: Visibility.BLOCKED,
}  # fmt: skip


def read(query: ListShape, inbox_ids: tuple[int, ...]) -> Filter:
    """The filter; a label such as `spam` shows what would be hidden without it."""
    shown = [Visibility.NORMAL]
    for name, wanted in (
        (mail_labels.SPAM, query.include_spam),
        (mail_labels.TRASH, query.include_trash),
        (mail_labels.BLOCKED, query.include_blocked),
    ):
        if wanted:
            shown.append(_HIDDEN[name])
    where = Filter(
        inbox_ids=inbox_ids,
        after=present.moment(query.after, "after"),
        before=present.moment(query.before, "before"),
        visibilities=tuple(shown),
        without_labels=() if query.include_unauthenticated else (mail_labels.UNAUTHENTICATED,),
        drafts=False,
        ascending=query.ascending,
    )
    if isinstance(query, ListInboxMessages):
        where = replace(
            where, senders=tuple(query.sender or ()), recipients=tuple(query.to or ()),
            subjects=tuple(query.subject or ()), ours={"inbound": False, "outbound": True}.get(query.direction or ""),
        )  # fmt: skip
    elif isinstance(query, ListThreads):
        where = replace(
            where, senders=tuple(query.senders or ()), recipients=tuple(query.recipients or ()),
            subjects=tuple(query.subject or ()),
        )  # fmt: skip
    for name in query.labels or ():
        where = _with_label(where, name)
    return where


def question(name: str, query: ListShape, inbox_ids: tuple[int, ...]) -> str:
    """What a page token belongs to: everything that was asked but the place in the list."""
    return f"{name} {inbox_ids} {query.model_dump_json(exclude={'page_token', 'limit'})}"


def _with_label(where: Filter, name: str) -> Filter:
    if name in _HIDDEN:
        return replace(where, visibilities=(_HIDDEN[name],))
    if name in (mail_labels.RECEIVED, mail_labels.SENT):
        return replace(where, ours=name == mail_labels.SENT)
    if name == mail_labels.UNREAD:
        return replace(where, unread=True)
    if name == mail_labels.STARRED:
        return replace(where, starred=True)
    if name == mail_labels.UNAUTHENTICATED:
        where = replace(where, without_labels=())
    return replace(where, labels=(*where.labels, label.atom(name)))
