"""A list's parameters to a filter: system labels are flags and folders, the others stand in the tenant's dictionary."""

from dataclasses import replace

from mailserver.api.agentry import present
from mailserver.api.agentry.schemas.messages import ListShape
from mailserver.entities import label
from mailserver.entities.listing import Filter
from mailserver.entities.message import Visibility

_HIDDEN = {"spam": Visibility.SPAM, "trash": Visibility.TRASH, "blocked": Visibility.BLOCKED}


def read(query: ListShape, inbox_ids: tuple[int, ...]) -> Filter:
    """The filter; a label such as `spam` shows what would be hidden without it."""
    shown = [Visibility.NORMAL]
    for name, wanted in (
        ("spam", query.include_spam),
        ("trash", query.include_trash),
        ("blocked", query.include_blocked),
    ):
        if wanted:
            shown.append(_HIDDEN[name])
    where = Filter(
        inbox_ids=inbox_ids,
        after=present.moment(query.after, "after"),
        before=present.moment(query.before, "before"),
        visibilities=tuple(shown),
        ascending=query.ascending,
    )
    for name in query.labels or ():
        where = _with_label(where, name)
    return where


def question(name: str, query: ListShape, inbox_ids: tuple[int, ...]) -> str:
    """What a page token belongs to: everything that was asked but the place in the list."""
    return f"{name} {inbox_ids} {query.model_dump_json(exclude={'page_token', 'limit'})}"


def _with_label(where: Filter, name: str) -> Filter:
    if name in _HIDDEN:
        return replace(where, visibilities=(_HIDDEN[name],))
    if name in ("received", "sent"):
        return replace(where, ours=name == "sent")
    if name == "unread":
        return replace(where, unread=True)
    if name == "starred":
        return replace(where, starred=True)
    return replace(where, labels=(*where.labels, label.atom(name)))
