"""The pages of what an inbox keeps beside its mail."""

from mailserver.api.gent.activity import ActivityPage
from mailserver.api.gent.agenda import AgendaPage
from mailserver.api.gent.alerts import AlertsPage
from mailserver.api.gent.calendars import CalendarsPage
from mailserver.api.gent.commitments import CommitmentsPage
from mailserver.api.gent.contacts import ContactsPage
from mailserver.api.gent.enrichment import EnrichmentPage
from mailserver.api.gent.events import EventsPage
from mailserver.api.gent.labels import LabelsPage
from mailserver.api.gent.relationships import RelationshipsPage
from mailserver.api.gent.suggestions import SuggestionsPage
from mailserver.api.gent.summaries import SummariesPage
from mailserver.api.gent.tasks import TasksPage
from mailserver.api.gent.webhooks import WebhooksPage
from mailserver.api.gent.workflows import WorkflowsPage
from mailserver.services.registry import Services


def pages(services: Services, public_url: str) -> tuple[object, ...]:
    """Every page of the workspace."""
    return (
        CalendarsPage(services, public_url), TasksPage(services), AgendaPage(services), LabelsPage(services),
        ContactsPage(services), CommitmentsPage(services),
        ActivityPage(services), RelationshipsPage(services), AlertsPage(services), WorkflowsPage(services),
        EventsPage(services), WebhooksPage(services),
        EnrichmentPage(services), SuggestionsPage(services), SummariesPage(services),
    )  # fmt: skip
