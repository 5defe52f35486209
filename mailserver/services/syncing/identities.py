"""Whom a client may write as: each address of the inbox, and what its people add (RFC 8621 6)."""

from collections.abc import Callable
from dataclasses import replace

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.submission import Identity
from mailserver.mail import address as addresses
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.outbound import senders
from mailserver.storage import identities, inboxes
from mailserver.storage.database import Database, Transaction

MOST = 100  # of one inbox


class ForbiddenFrom(errors.ServiceError):
    """The inbox may not send as this address."""


class Identities:
    """Identities of an inbox, through the caller's eyes."""

    def __init__(self, database: Database, owners: Inboxes, ids: IdSource, separator: str) -> None:
        self._database = database
        self._owners = owners
        self._ids = ids
        self._separator = separator

    async def all_of(self, caller: Caller, inbox: Inbox) -> list[Identity]:
        """Every identity, each address of the inbox among them; the inbox's own address comes first."""
        await self.complete(caller, inbox)
        found = await self._database.read(identities.of_inbox, inbox.id)
        settings = await self._database.read(inboxes.settings, inbox.id)
        text, html = settings.signature_text or "", settings.signature_html or ""
        whole = [_with_signatures(each, text, html) for each in found]
        return sorted(whole, key=lambda each: (each.email != inbox.address, each.id))

    async def complete(self, caller: Caller, inbox: Inbox) -> None:
        """Let there be one identity for each address of the inbox; before that no state of them says anything."""
        caller.require(Scope.EMAIL_READ)
        own = await self._owners.addresses(inbox)
        found = await self._database.read(identities.of_inbox, inbox.id)
        if {each.email for each in found if each.is_fixed} != own:
            await self._database.write(self._complete, inbox, own)

    async def create(self, caller: Caller, inbox: Inbox, wanted: Identity) -> Identity:
        """Add an identity; its ids are set here."""
        caller.require(Scope.EMAIL_WRITE)
        await self._refuse_foreign(inbox, wanted.email)
        made = replace(wanted, id=self._ids.next(), tenant_id=inbox.tenant_id, inbox_id=inbox.id, is_fixed=False)

        def write(tx: Transaction) -> None:
            if len(identities.of_inbox(tx, inbox.id)) >= MOST:
                raise errors.Forbidden(f"An inbox has at most {MOST} identities.")
            identities.put(tx, made)

        await self._database.write(write)
        return made

    async def change(self, caller: Caller, inbox: Inbox, number: int, change: Callable[[Identity], Identity]) -> None:
        """Change what may be changed of an identity."""
        caller.require(Scope.EMAIL_WRITE)
        known = next((each for each in await self.all_of(caller, inbox) if each.id == number), None)
        if known is None:
            raise errors.NotFound("There is no such identity.")
        wanted = change(known)

        def write(tx: Transaction) -> None:
            if identities.get(tx, inbox.id, number) is None:
                raise errors.NotFound("There is no such identity.")
            identities.put(tx, wanted)

        await self._database.write(write)

    async def remove(self, caller: Caller, inbox: Inbox, number: int) -> None:
        """Remove an identity that somebody has added."""
        caller.require(Scope.EMAIL_WRITE)

        def write(tx: Transaction) -> None:
            known = identities.get(tx, inbox.id, number)
            if known is None:
                raise errors.NotFound("There is no such identity.")
            if known.is_fixed:
                raise errors.Forbidden("The identity belongs to an address of the inbox; it stays while that does.")
            identities.remove(tx, known)

        await self._database.write(write)

    async def _refuse_foreign(self, inbox: Inbox, email: str) -> None:
        try:
            parsed = addresses.parse(email)
        except addresses.AddressError as error:
            raise errors.Invalid("It is no address.", email="It is no address.") from error
        if not senders.owned(parsed, await self._owners.addresses(inbox), self._separator):
            raise ForbiddenFrom

    def _complete(self, tx: Transaction, inbox: Inbox, own: frozenset[str]) -> None:
        """Let there be one identity for each address of the inbox."""
        fixed = {each.email: each for each in identities.of_inbox(tx, inbox.id) if each.is_fixed}
        for email in sorted(own - set(fixed), key=lambda each: (each != inbox.address, each)):
            made = Identity(
                self._ids.next(), inbox.tenant_id, inbox.id, email, inbox.display_name or "", None, None, None, None,
                is_fixed=True,
            )  # fmt: skip
            identities.put(tx, made)
        for email in set(fixed) - own:
            identities.remove(tx, fixed[email])


def _with_signatures(identity: Identity, text: str, html: str) -> Identity:
    return replace(
        identity,
        text_signature=text if identity.text_signature is None else identity.text_signature,
        html_signature=html if identity.html_signature is None else identity.html_signature,
    )
