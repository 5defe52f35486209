"""What a client changes of an Email: its mailboxes and its keywords, nothing else (RFC 8621 4.6)."""

from collections.abc import Mapping
from typing import Any

from mailserver.entities import keyword
from mailserver.entities.email import Email
from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, standard
from mailserver.jmap.call import Call
from mailserver.services.syncing.email_setting import Arrangement

_SETS = ("mailboxIds", "keywords")


class Patch:
    """A patch that is checked: it can be made to any message."""

    def __init__(self, call: Call, given: Mapping[str, Any]) -> None:
        self._whole: dict[str, set[Any] | None] = dict.fromkeys(_SETS)
        self._added: dict[str, set[Any]] = {name: set() for name in _SETS}
        self._removed: dict[str, set[Any]] = {name: set() for name in _SETS}
        self.others = {path: value for path, value in given.items() if path.split("/")[0] not in _SETS}
        for path, value in given.items():
            name, slash, inner = path.partition("/")
            if name not in _SETS:
                continue
            if not slash:
                self._whole[name] = read_set(call, name, value)
            elif name in given:
                raise errors.SetRefused("invalidPatch", f"{name} is patched, and so is what lies in it.")
            else:
                one = _member(call, name, inner.replace("~1", "/").replace("~0", "~"))
                if value is not None and value is not True:
                    raise errors.invalid_property(path, "True, or null to take it away.")
                (self._added if value else self._removed)[name].add(one)

    def arrangement(self, email: Email) -> Arrangement:
        """How a message is once the patch is made to it."""
        folder_ids = self._applied("mailboxIds", set(email.folder_ids))
        keywords = self._applied("keywords", set(keyword.written(email.flags, email.labels)))
        flags, labels = keyword.split(sorted(keywords))
        return Arrangement(frozenset(folder_ids), flags, labels)

    def _applied(self, name: str, present: set[Any]) -> set[Any]:
        whole = self._whole[name]
        if whole is not None:
            return whole
        return (present | self._added[name]) - self._removed[name]


def read_set(call: Call, name: str, value: Any) -> set[Any]:
    """`mailboxIds` or `keywords` as they are given whole; invalidProperties for what is none."""
    if value is None and name == "keywords":
        return set()
    if not isinstance(value, dict) or any(each is not True for each in value.values()):
        raise errors.invalid_property(name, "An object whose values are all true.")
    return {_member(call, name, each) for each in value}


def arrangement(call: Call, given: Mapping[str, Any]) -> Arrangement:
    """Where a new message is to lie, and what it is marked with."""
    if not given.get("mailboxIds"):
        raise errors.invalid_property("mailboxIds", "A message lies in one mailbox at least.")
    flags, labels = keyword.split(sorted(read_set(call, "keywords", given.get("keywords"))))
    return Arrangement(frozenset(read_set(call, "mailboxIds", given["mailboxIds"])), flags, labels)


def _member(call: Call, name: str, text: str) -> Any:
    if name == "keywords":
        if not keyword.is_valid(text):
            raise errors.invalid_property("keywords", f"{text[:100]} is no keyword.")
        return text.lower()
    number = standard.number_of(Kind.FOLDER, call.meant(text))
    if number is None:
        raise errors.invalid_property("mailboxIds", f"There is no mailbox {text[:100]}.")
    return number
