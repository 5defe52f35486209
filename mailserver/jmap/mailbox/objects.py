"""A folder as a Mailbox (RFC 8621 2)."""

from collections.abc import Mapping
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.folder import Folder, Role
from mailserver.entities.identifiers import Kind
from mailserver.jmap import errors, standard
from mailserver.jmap.call import Call
from mailserver.services.syncing.mailboxes import CUSTOM_ORDER, Place

COUNTS = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")
PROPERTIES = ("id", "name", "parentId", "role", "sortOrder", *COUNTS, "myRights", "isSubscribed")
LARGEST_ORDER = 2**31 - 1


def mailbox(folder: Folder, caller: Caller) -> dict[str, Any]:
    """Every property of a folder."""
    return {
        "id": identifiers.encode(Kind.FOLDER, folder.id),
        "name": folder.name,
        "parentId": identifiers.encode(Kind.FOLDER, folder.parent_id) if folder.parent_id else None,
        "role": folder.role.value if folder.role else None,
        "sortOrder": folder.sort_order,
        "totalEmails": folder.total_messages,
        "unreadEmails": folder.unread_messages,
        "totalThreads": folder.total_threads,
        "unreadThreads": folder.unread_threads,
        "myRights": rights(folder, caller),
        "isSubscribed": folder.is_subscribed,
    }


def rights(folder: Folder, caller: Caller) -> dict[str, bool]:
    """What the caller may do in a folder: those with a role stay where they are."""
    writes, is_own = Scope.EMAIL_WRITE in caller.scopes, folder.role is None
    return {
        "mayReadItems": True,
        "mayAddItems": writes,
        "mayRemoveItems": writes,
        "maySetSeen": writes,
        "maySetKeywords": writes,
        "mayCreateChild": writes,
        "mayRename": writes and is_own,
        "mayDelete": writes and is_own,
        "maySubmit": Scope.EMAIL_SEND in caller.scopes,
    }


def creation(call: Call, given: Mapping[str, Any]) -> Place:
    """What a new folder is to be; invalidProperties for what it cannot be."""
    unknown = [name for name in given if name not in ("name", "parentId", "role", "sortOrder", "isSubscribed")]
    if unknown:
        raise errors.SetRefused("invalidProperties", "These properties are the server's own, or unknown.", unknown)
    if not isinstance(given.get("name"), str):
        raise errors.invalid_property("name", "A mailbox needs a name.")
    return _place(call, {"parentId": None, "role": None, "sortOrder": CUSTOM_ORDER, "isSubscribed": True, **given})


def change(call: Call, folder: Folder, patch: Mapping[str, Any]) -> Place:
    """What a folder is to be once a patch is made to it."""
    present = mailbox(folder, call.caller)
    wanted = standard.patched(present, patch)
    fixed = [name for name in patch if name.split("/")[0] in ("myRights", *COUNTS, "id")]
    wrong = [name for name in fixed if _differs(present, wanted, name)]
    unknown = [name for name in patch if name.split("/")[0] not in PROPERTIES]
    if wrong or unknown:
        raise errors.SetRefused(
            "invalidProperties", "These properties are the server's own, or unknown.", [*wrong, *unknown]
        )
    defaults = {"sortOrder": 0, "isSubscribed": False}
    for name, default in defaults.items():
        if name in patch and patch[name] is None:
            wanted[name] = default
    return _place(call, wanted)


def _differs(present: Mapping[str, Any], wanted: Mapping[str, Any], path: str) -> bool:
    name = path.split("/", maxsplit=1)[0]
    return bool(present.get(name) != wanted.get(name))


def _place(call: Call, given: Mapping[str, Any]) -> Place:
    name, parent, role = given["name"], given["parentId"], given["role"]
    order, is_subscribed = given["sortOrder"], given["isSubscribed"]
    if not isinstance(name, str):
        raise errors.invalid_property("name", "A name is a string.")
    if not isinstance(is_subscribed, bool):
        raise errors.invalid_property("isSubscribed", "True or false.")
    if isinstance(order, bool) or not isinstance(order, int) or not 0 <= order <= LARGEST_ORDER:
        raise errors.invalid_property("sortOrder", f"A whole number between 0 and {LARGEST_ORDER}.")
    if role is not None and role not in set(Role):
        raise errors.invalid_property("role", "That role is not provided.")
    parent_id = None
    if parent is not None:
        parent_id = standard.number_of(Kind.FOLDER, call.meant(parent)) if isinstance(parent, str) else None
        if parent_id is None:
            raise errors.invalid_property("parentId", "There is no such mailbox.")
    return Place(name, parent_id, order, is_subscribed, Role(role) if role else None)
