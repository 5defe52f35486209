"""What the methods of every type have in common (RFC 8620 5)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from mailserver.entities import errors as refusals
from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.jmap import errors
from mailserver.jmap.arguments import Arguments, is_id
from mailserver.jmap.call import Call
from mailserver.jmap.windows import Window
from mailserver.services.syncing.changes import Type, Unknown

NotFound = refusals.NotFound
MOST_CHANGES = 1_000  # where the client names no limit
Object = dict[str, Any]
Create = Callable[[Object], Awaitable[Object]]
Update = Callable[[str, Object], Awaitable[Object | None]]
Destroy = Callable[[str], Awaitable[None]]


def numbers(kind: Kind, ids: Iterable[str]) -> dict[str, int]:
    """Those of some ids that can be one of a kind, with their numbers."""
    found = {}
    for text in ids:
        one = number_of(kind, text)
        if one is not None:
            found[text] = one
    return found


def number_of(kind: Kind, text: str) -> int | None:
    """An id as its number; None for what is none."""
    try:
        return identifiers.decode(kind, text)
    except identifiers.BadIdentifier:
        return None


def number(kind: Kind, text: str) -> int:
    """An id as its number; notFound for what is none."""
    found = number_of(kind, text)
    if found is None:
        raise not_found()
    return found


def wanted(call: Call, arguments: Arguments) -> list[str] | None:
    """The ids of a /get, each once; requestTooLarge for too many, None for all."""
    ids = arguments.ids("ids")
    if ids is None:
        return None
    if len(ids) > call.limits.objects_in_get:
        raise errors.MethodRefused("requestTooLarge", f"At most {call.limits.objects_in_get:,} ids.")
    return list(dict.fromkeys(call.meant(text) for text in ids))


def got(account_id: str, state: str, found: Sequence[Object], ids: Iterable[str] | None) -> Object:
    """The answer of a /get."""
    there = {each["id"] for each in found}
    return {
        "accountId": account_id,
        "state": state,
        "list": list(found),
        "notFound": [text for text in ids if text not in there] if ids is not None else [],
    }


def only(one: Object, properties: Iterable[str]) -> Object:
    """An object with these properties alone."""
    return {name: one[name] for name in properties}


async def changes(call: Call, arguments: Arguments, kind: Type, name: Kind) -> tuple[Object, bool]:
    """The answer of a /changes, and whether nothing but counts has changed."""
    inbox = await call.account(arguments)
    since, most = arguments.state("sinceState"), arguments.positive("maxChanges")
    arguments.finish()
    try:
        delta = await call.services.syncing.changes.since(
            call.caller, inbox, kind, since, min(most or MOST_CHANGES, MOST_CHANGES)
        )
    except Unknown as error:
        raise errors.MethodRefused("cannotCalculateChanges", error.message) from error
    return {
        "accountId": identifiers.encode(Kind.INBOX, inbox.id),
        "oldState": str(delta.old_state),
        "newState": str(delta.new_state),
        "hasMoreChanges": delta.has_more,
        "created": [identifiers.encode(name, each) for each in delta.created],
        "updated": [identifiers.encode(name, each) for each in delta.updated],
        "destroyed": [identifiers.encode(name, each) for each in delta.destroyed],
    }, delta.only_counts


def queried(inbox: Inbox, state: str, ids: Sequence[str], window: Window, *, wants_total: bool) -> Object:
    """The answer of a /query whose whole result is at hand, and is asked for anew where something has changed."""
    position, shown = window.cut(ids)
    answer: Object = {
        "accountId": account_id(inbox),
        "queryState": state,
        "canCalculateChanges": False,
        "position": position,
        "ids": shown,
    }
    return {**answer, "total": len(ids)} if wants_total else answer


class Setting:
    """A /set: its arguments checked, its objects made, changed and destroyed in this order, each by itself."""

    def __init__(self, call: Call, arguments: Arguments, inbox: Inbox) -> None:
        self._call = call
        self.inbox = inbox
        self.account_id = identifiers.encode(Kind.INBOX, inbox.id)
        self.if_in_state = arguments.string("ifInState")
        self.create = objects(arguments, "create", is_creation=True)
        self.update = objects(arguments, "update", is_creation=False)
        self.destroy = list(dict.fromkeys(arguments.ids("destroy") or ()))
        if len(self.create) + len(self.update) + len(self.destroy) > call.limits.objects_in_set:
            raise errors.MethodRefused("requestTooLarge", f"At most {call.limits.objects_in_set:,} objects.")
        self.created: dict[str, Object] = {}
        self.updated: dict[str, Object | None] = {}
        self.destroyed: list[str] = []
        self.not_created: dict[str, Object] = {}
        self.not_updated: dict[str, Object] = {}
        self.not_destroyed: dict[str, Object] = {}

    def check(self, state: str) -> None:
        """Refuse with stateMismatch where the client has another state in mind."""
        if self.if_in_state is not None and self.if_in_state != state:
            raise errors.MethodRefused("stateMismatch")

    async def run(self, create: Create, update: Update, destroy: Destroy) -> None:
        """Make, change and destroy."""
        await self.run_creations(create)
        for text, patch in self.update.items():
            try:
                self.updated[text] = await update(self._call.meant(text), patch)
            except (errors.SetRefused, refusals.ServiceError) as refusal:
                self.not_updated[text] = refused(refusal)
        for text in self.destroy:
            try:
                await destroy(self._call.meant(text))
                self.destroyed.append(self._call.meant(text))
            except (errors.SetRefused, refusals.ServiceError) as refusal:
                self.not_destroyed[text] = refused(refusal)

    async def run_creations(self, create: Create) -> None:
        """Make objects; one that names another by its creation id comes behind it."""
        for creation_id in in_order(self.create, _referred):
            try:
                made = await create(self.create[creation_id])
            except (errors.SetRefused, refusals.ServiceError) as refusal:
                self.not_created[creation_id] = refused(refusal)
                continue
            self.created[creation_id] = made
            self._call.made[creation_id] = made["id"]

    def answer(self, old_state: str, new_state: str) -> Object:
        """The answer of the /set."""
        return {
            "accountId": self.account_id,
            "oldState": old_state,
            "newState": new_state,
            "created": self.created or None,
            "updated": self.updated or None,
            "destroyed": self.destroyed or None,
            "notCreated": self.not_created or None,
            "notUpdated": self.not_updated or None,
            "notDestroyed": self.not_destroyed or None,
        }


class Creations:
    """An /import or /copy: objects that are made of something that is there already."""

    def __init__(self, call: Call, arguments: Arguments, name: str, inbox: Inbox) -> None:
        self._call = call
        self._inbox = inbox
        self._if_in_state = arguments.string("ifInState")
        if arguments.value(name) is None:
            raise errors.invalid(f"{name} must be an object of objects by their ids.", name)
        self.create = objects(arguments, name, is_creation=True)
        if len(self.create) > call.limits.objects_in_set:
            raise errors.MethodRefused("requestTooLarge", f"At most {call.limits.objects_in_set:,} objects.")
        self.created: dict[str, Object] = {}
        self._not_created: dict[str, Object] = {}

    def check(self, state: str) -> None:
        """Refuse with stateMismatch where the client has another state in mind."""
        if self._if_in_state is not None and self._if_in_state != state:
            raise errors.MethodRefused("stateMismatch")

    async def run(self, create: Create) -> None:
        """Make the objects, each by itself."""
        for creation_id, given in self.create.items():
            try:
                self.created[creation_id] = await create(given)
            except (errors.SetRefused, refusals.ServiceError) as refusal:
                self._not_created[creation_id] = refused(refusal)
                continue
            self._call.made[creation_id] = self.created[creation_id]["id"]

    def answer(self, old_state: str, new_state: str) -> Object:
        """The answer of the method."""
        return {
            "accountId": account_id(self._inbox),
            "oldState": old_state,
            "newState": new_state,
            "created": self.created or None,
            "notCreated": self._not_created or None,
        }


def account_id(inbox: Inbox) -> str:
    """The account id of an inbox."""
    return identifiers.encode(Kind.INBOX, inbox.id)


def refused(refusal: Exception) -> Object:
    """Why one object was refused."""
    if isinstance(refusal, errors.SetRefused):
        return refusal.answer
    assert isinstance(refusal, refusals.ServiceError)
    return errors.of_object(refusal).answer


def not_found() -> errors.SetRefused:
    """There is no such object, or it is somebody else's."""
    return errors.SetRefused("notFound")


def patched(present: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    """An object with a patch made to it (RFC 8620 5.3); SetRefused for a patch that does not fit."""
    result: Object = {name: dict(value) if isinstance(value, dict) else value for name, value in present.items()}
    for path in patch:
        if any(other != path and other.startswith(path + "/") for other in patch):
            raise errors.SetRefused("invalidPatch", f"{path[:200]} is patched, and so is what lies in it.")
    for path, value in patch.items():
        steps = [step.replace("~1", "/").replace("~0", "~") for step in path.removeprefix("/").split("/")]
        at = result
        for step in steps[:-1]:
            inner = at.get(step)
            if not isinstance(inner, dict):
                if len(steps) > 1 and step in result and inner is None and at is result:
                    inner = at[step] = {}
                else:
                    raise errors.SetRefused("invalidPatch", f"{path[:200]} leads into nothing.")
            at = inner
        if value is None and len(steps) > 1:
            at.pop(steps[-1], None)
        else:
            at[steps[-1]] = value
    return result


def objects(arguments: Arguments, name: str, *, is_creation: bool) -> dict[str, Object]:
    """An argument of objects by their ids; a creation id is without its mark (RFC 8620 5.3)."""
    given = arguments.mapping(name) or {}
    for key, value in given.items():
        if not isinstance(value, dict) or not is_id(key) or (is_creation and key.startswith("#")):
            raise errors.invalid(f"{name} must be an object of objects by their ids.", name)
    return given


def in_order(create: Mapping[str, Object], refers: Callable[[Object], Iterable[str]]) -> list[str]:
    """The creation ids, those that others refer to first; a circle is cut where it closes, and fails by itself."""
    order: dict[str, None] = {}
    entered: set[str] = set()
    for first in create:
        stack = [(first, False)]
        while stack:
            creation_id, is_ready = stack.pop()
            if is_ready:
                order.setdefault(creation_id)
            elif creation_id not in entered:
                entered.add(creation_id)
                stack.append((creation_id, True))
                stack += [(named, False) for named in refers(create[creation_id]) if named in create]
    return list(order)


def _referred(given: Object) -> list[str]:
    return [value[1:] for value in given.values() if isinstance(value, str) and value.startswith("#")]
