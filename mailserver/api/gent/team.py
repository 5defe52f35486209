"""The pages of what a team shares."""

from mailserver.api.gent.distribution_lists import DistributionListsPage
from mailserver.api.gent.notes import NotesPage
from mailserver.api.gent.shares import SharesPage
from mailserver.api.gent.templates import TemplatesPage
from mailserver.api.gent.threads import ThreadsPage
from mailserver.api.gent.tickets import TicketsPage
from mailserver.services.registry import Services


def pages(services: Services) -> tuple[object, ...]:
    """Every page of the team; its fixed words stand before the contacts' ids."""
    return (
        SharesPage(services), NotesPage(services), TemplatesPage(services), DistributionListsPage(services),
        TicketsPage(services), ThreadsPage(services),
    )  # fmt: skip
