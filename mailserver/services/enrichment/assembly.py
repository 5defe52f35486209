"""Build the room of enrichment."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from mailserver.fetch import Fetch
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.seal import Seal
from mailserver.services.enrichment.features import Features
from mailserver.services.enrichment.model import Endpoint, Model
from mailserver.services.enrichment.neighbours import Neighbours
from mailserver.services.enrichment.provider import Provider
from mailserver.services.enrichment.requests import Requests
from mailserver.services.enrichment.suggestions import Suggestions
from mailserver.services.enrichment.summaries import Summaries
from mailserver.services.enrichment.switches import Keeping, Operator
from mailserver.services.enrichment.worker import Bell, Worker
from mailserver.services.workspace.appointments import Appointments
from mailserver.services.workspace.labels import Labels
from mailserver.settings.sections import Enrichment as EnrichmentSettings
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What the faces call, and what runs behind them."""

    switches: Keeping
    summaries: Summaries
    suggestions: Suggestions
    requests: Requests
    worker: Worker
    features: Features


def build(
    database: Database,
    files: MessageFiles,
    executor: Executor,
    fetch: Fetch,
    audit: Audit,
    appointments: Appointments,
    labels: Labels,
    bell: Bell,
    clock: Callable[[], int],
    seal: Seal,
    settings: EnrichmentSettings,
    *,
    https_only: bool,
) -> Enrichment:
    """The room; endpoints that inboxes name are asked by HTTPS unless the settings let them be private."""
    features = Features(database)
    endpoint = None
    if settings.endpoint:
        key = settings.api_key.get_secret_value() if settings.api_key else None
        endpoint = Endpoint(settings.endpoint, settings.model, key, is_trusted=True)
    operator = Operator(endpoint, settings.inbox_endpoints, https_only)
    switches = Keeping(database, audit, fetch, operator, clock, seal)
    provider = Provider(switches, Model(fetch, settings.timeout_seconds, https_only=https_only), executor, clock)
    worker = Worker(database, files, executor, features, provider, Neighbours(database, files, executor), bell, clock)
    return Enrichment(
        switches, Summaries(database, clock), Suggestions(database, features, appointments, labels, clock),
        Requests(features, clock), worker, features,
    )  # fmt: skip
