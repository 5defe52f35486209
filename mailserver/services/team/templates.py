"""Templates: the team writes them, everybody fills them in."""

import time
from dataclasses import dataclass, replace
from typing import Any

from mailserver.entities import errors, identifiers
from mailserver.entities import template as filling
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.template import Template
from mailserver.services.accounts.audit import Audit
from mailserver.services.team import ownership
from mailserver.storage import templates
from mailserver.storage.database import Database, Snapshot, Transaction

LONGEST_NAME = 200
LONGEST_SUBJECT = 998
LONGEST_BODY = 200_000
MOST_VARIABLES = 100
LONGEST_RESULT = 2_000_000


@dataclass(frozen=True, slots=True)
class Wording:
    """What a template is to say; None leaves it as it is."""

    name: str | None = None
    subject: str | None = None
    body: str | None = None
    variables: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its places filled in."""

    subject: str
    body: str


class Templates:
    """The templates of a team. Owners write them."""

    def __init__(self, database: Database, ids: IdSource, audit: Audit) -> None:
        self._database = database
        self._ids = ids
        self._audit = audit

    async def all(self, caller: Caller) -> list[Template]:
        """The templates of the team, oldest first."""
        return await self._database.read(templates.of_tenant, caller.tenant_id)

    async def get(self, caller: Caller, text: str) -> Template:
        """One template."""
        return await self._database.read(_one, caller, text)

    async def create(self, caller: Caller, wording: Wording) -> Template:
        """Make a template; Conflict where there are as many as there may be."""
        ownership.require(caller, "templates")
        now = int(time.time() * 1000)
        made = _worded(Template(self._ids.next(), caller.tenant_id, "", "", "", (), caller.user_id, now, now), wording)

        def write(tx: Transaction) -> Template:
            if templates.count(tx, caller.tenant_id) >= templates.MOST:
                raise errors.Conflict(f"There are {templates.MOST:,} templates already; remove some first.")
            templates.put(tx, made)
            self._audit.add(tx, caller, "template.created", _id(made))
            return made

        return await self._database.write(write)

    async def change(self, caller: Caller, text: str, wording: Wording) -> Template:
        """Word a template otherwise."""
        ownership.require(caller, "templates")

        def write(tx: Transaction) -> Template:
            changed = replace(_worded(_one(tx, caller, text), wording), updated_at=int(time.time() * 1000))
            templates.put(tx, changed)
            self._audit.add(tx, caller, "template.changed", _id(changed))
            return changed

        return await self._database.write(write)

    async def remove(self, caller: Caller, text: str) -> None:
        """Delete a template."""
        ownership.require(caller, "templates")

        def write(tx: Transaction) -> None:
            found = _one(tx, caller, text)
            templates.remove(tx, found.id)
            self._audit.add(tx, caller, "template.deleted", _id(found))

        await self._database.write(write)

    async def render(self, caller: Caller, text: str, values: dict[str, Any]) -> Filled:
        """Fill a template in; a place without a value stays as it is."""
        found = await self.get(caller, text)
        longest = max((len(str(value)) for value in values.values()), default=0)
        if (found.body.count("{") + found.subject.count("{")) * longest > LONGEST_RESULT:
            raise errors.TooLarge("The text would be too long; give shorter values.")
        return Filled(filling.fill(found.subject, values), filling.fill(found.body, values))


def _one(snapshot: Snapshot, caller: Caller, text: str) -> Template:
    try:
        found = templates.get(snapshot, identifiers.decode(Kind.TEMPLATE, text))
    except identifiers.BadIdentifier:
        found = None
    if found is None or found.tenant_id != caller.tenant_id:
        raise errors.NotFound("There is no such template.")
    return found


def _worded(known: Template, wording: Wording) -> Template:
    """The template with what is given in its place; Invalid for what cannot be used."""
    name, subject, body = wording.name, wording.subject, wording.body
    _refuse_long("name", name, LONGEST_NAME)
    _refuse_long("subject", subject, LONGEST_SUBJECT)
    _refuse_long("body", body, LONGEST_BODY)
    if subject is not None and any(letter in subject for letter in "\r\n"):
        raise errors.Invalid("The subject cannot be used.", subject="A subject is one line.")
    variables = wording.variables
    if variables is not None:
        wrong = [each for each in variables if filling.fill(f"{{{each}}}", {each: ""})]
        if wrong or len(variables) > MOST_VARIABLES:
            sentence = f"Up to {MOST_VARIABLES} names of letters, digits and . _ - that begin with a letter."
            raise errors.Invalid("The variables cannot be used.", variables=sentence)
    return replace(
        known,
        name=known.name if name is None else " ".join(name.split()),
        subject=known.subject if subject is None else subject,
        body=known.body if body is None else body,
        variables=known.variables if variables is None else variables,
    )


def _refuse_long(field: str, text: str | None, longest: int) -> None:
    if text is not None and (len(text) > longest or "\0" in text):
        raise errors.Invalid(f"The {field} cannot be used.", **{field: f"At most {longest:,} characters."})


def _id(one: Template) -> str:
    return identifiers.encode(Kind.TEMPLATE, one.id)
