"""From the folders and flags that a script names to those of an inbox."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailserver.entities import keyword, label
from mailserver.entities.folder import Folder, Role
from mailserver.entities.message import Flag, Visibility
from mailserver.mail.sieve.result import Filing
from mailserver.storage.records import Copy

SEPARATOR = "/"
DEEPEST = 10
LONGEST_NAME = 200
USES = {
    "\\archive": Role.ARCHIVE, "\\drafts": Role.DRAFTS, "\\junk": Role.JUNK, "\\sent": Role.SENT, "\\trash": Role.TRASH,
}  # fmt: skip
_HIDDEN = {Role.JUNK: Visibility.SPAM, Role.TRASH: Visibility.TRASH}
_NEVER = Flag.DRAFT  # what comes in is nobody's draft here


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of an inbox as scripts write them: names with a slash between, letter case aside."""

    by_path: dict[str, Folder]
    by_role: dict[Role, Folder]

    def find(self, filing: Filing) -> Folder | None:
        """The folder that a script means; None where it is not there."""
        use = USES.get(filing.special_use.lower())
        if use is not None and use in self.by_role:
            return self.by_role[use]
        return self.by_path.get(filing.folder.lower()) if filing.folder else self.by_role.get(Role.INBOX)

    @property
    def special_uses(self) -> dict[str, str]:
        """The uses for which there is a folder, and its name."""
        return {use: self.by_role[role].name for use, role in USES.items() if role in self.by_role}


def places(folders: Sequence[Folder]) -> Places:
    """Work out the paths."""
    known = {each.id: each for each in folders}
    by_path = {}
    for each in folders:
        names, above = [each.name], each.parent_id
        while above is not None and above in known and len(names) < DEEPEST:
            names.append(known[above].name)
            above = known[above].parent_id
        by_path[SEPARATOR.join(reversed(names)).lower()] = each
    by_role = {each.role: each for each in folders if each.role is not None}
    by_path["inbox"] = by_role[Role.INBOX]
    return Places(by_path, by_role)


def steps(path: str) -> list[str] | None:
    """The names of a path that is to be made; None where one of them is none."""
    names = [name.strip() for name in path.split(SEPARATOR)]
    is_good = all(name and len(name) <= LONGEST_NAME and name.isprintable() for name in names)
    return names if is_good and len(names) <= DEEPEST and names[0].lower() not in set(Role) else None


def placed(copy: Copy, folders: Sequence[Folder], flags: Iterable[str]) -> Copy:
    """A copy in these folders with these flags. What it is told as is the Inbox, unless every folder is another's."""
    bits, labels = keywords(flags)
    roles = [each.role for each in folders]
    role = Role.INBOX
    if roles[0] is not None and all(each not in (None, Role.INBOX) for each in roles):
        role = roles[0]
    visibility = min(int(_HIDDEN.get(each, Visibility.NORMAL)) if each else 0 for each in roles)
    is_plain = len(folders) == 1 and roles[0] is not None
    return replace(
        copy, role=role.value, visibility=visibility, flags=copy.flags | int(bits),
        labels=tuple(dict.fromkeys((*copy.labels, *labels))),
        folder_ids=() if is_plain else tuple(dict.fromkeys(each.id for each in folders)),
    )  # fmt: skip


def keywords(flags: Iterable[str]) -> tuple[Flag, tuple[str, ...]]:
    r"""Flags of IMAP as our flags and labels (RFC 8621 4.1.1); \Deleted means nothing here."""
    names = [f"${each[1:]}" if each.startswith("\\") else each for each in flags if each.lower() != "\\deleted"]
    bits, atoms = keyword.split(each for each in names if keyword.is_valid(each))
    return bits & ~_NEVER, tuple(each for each in atoms if not each.startswith(label.SYSTEM_KEYS))
