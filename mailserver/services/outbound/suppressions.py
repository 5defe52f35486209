"""Who we must not write to."""

from collections.abc import Sequence

from mailserver.entities import errors
from mailserver.entities.paging import Page
from mailserver.entities.suppression import Reason, Suppression
from mailserver.mail import address
from mailserver.mail.address import Address, AddressError
from mailserver.storage import suppressions
from mailserver.storage.database import Database, Snapshot


class Suppressions:
    """An inbox's list of addresses that it does not write to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, inbox_id: int, limit: int = 50, position: int = 0) -> Page[Suppression]:
        """The list, newest first."""
        return await self._database.read(_page, inbox_id, limit, position)

    async def remove(self, inbox_id: int, text: str, reason: Reason = Reason.HARD_BOUNCE) -> bool:
        """Write to an address again; False where nothing stood in the way. Invalid for what is no address."""
        try:
            normal = address.parse(text.strip()).normal
        except AddressError as error:
            raise errors.Invalid(f"{text!r} is not an address.", address=str(error)) from error
        return await self._database.write(suppressions.remove, inbox_id, normal, reason)

    async def check(self, inbox_id: int, addresses: Sequence[Address]) -> dict[Address, Suppression]:
        """Which of these addresses are not to be written to."""
        return await self._database.read(suppressed, inbox_id, addresses)


def suppressed(snapshot: Snapshot, inbox_id: int, addresses: Sequence[Address]) -> dict[Address, Suppression]:
    """Which of these addresses are not to be written to, for use inside the transaction that would queue mail.

    A suppressed address stays so whatever tag is put behind its `+`; a suppressed tag says nothing of the others.
    """
    forms = {one: (one.normal, one.without_tag().normal) for one in addresses}
    asked = sorted({form for pair in forms.values() for form in pair})
    by_form: dict[str, Suppression] = {}
    for found in suppressions.find(snapshot, inbox_id, asked):
        by_form.setdefault(found.address, found)
    answer: dict[Address, Suppression] = {}
    for one, pair in forms.items():
        hit = by_form.get(pair[0]) or by_form.get(pair[1])
        if hit is not None:
            answer[one] = hit
    return answer


def _page(snapshot: Snapshot, inbox_id: int, limit: int, position: int) -> Page[Suppression]:
    rows = suppressions.page(snapshot, inbox_id, limit, position)
    return Page(tuple(rows), suppressions.count(snapshot, inbox_id), position, limit)
