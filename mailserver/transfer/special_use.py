"""What folders are for, by their attributes (RFC 6154) or by the names that other programs give them."""

from mailserver.entities.folder import Role
from mailserver.entities.moving import Place

_ATTRIBUTES = {
    "\\drafts": Role.DRAFTS, "\\sent": Role.SENT, "\\archive": Role.ARCHIVE, "\\junk": Role.JUNK, "\\trash": Role.TRASH,
}  # fmt: skip
_NAMES = {
    "inbox": Role.INBOX,
    "drafts": Role.DRAFTS, "draft": Role.DRAFTS,
    "sent": Role.SENT, "sent items": Role.SENT, "sent messages": Role.SENT, "sent mail": Role.SENT,
    "archive": Role.ARCHIVE, "archives": Role.ARCHIVE,
    "junk": Role.JUNK, "spam": Role.JUNK, "junk e-mail": Role.JUNK, "junk email": Role.JUNK, "junk mail": Role.JUNK,
    "bulk mail": Role.JUNK,
    "trash": Role.TRASH, "deleted items": Role.TRASH, "deleted messages": Role.TRASH, "bin": Role.TRASH,
}  # fmt: skip
VIRTUAL = frozenset({"\\flagged", "\\important"})  # shows what lies in other folders too
EVERYTHING = "\\all"  # so does this one, with what was archived: at Google that lies nowhere else

TRASH = Place(("Trash",), Role.TRASH)
ARCHIVE = Place(("Archive",), Role.ARCHIVE)


def by_attributes(attributes: frozenset[str]) -> Role | None:
    """The role that a server says."""
    return next((role for attribute, role in _ATTRIBUTES.items() if attribute in attributes), None)


def by_name(path: tuple[str, ...]) -> Role | None:
    """The role that a name at the top means, or one right below INBOX."""
    if len(path) == 2 and path[0].casefold() == "inbox":  # Courier keeps everything there
        role = _NAMES.get(path[1].casefold())
        return role if role is not Role.INBOX else None
    return _NAMES.get(path[0].casefold()) if len(path) == 1 else None
