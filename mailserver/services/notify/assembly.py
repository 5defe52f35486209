"""Build what tells others."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.entities.identifiers import IdSource
from mailserver.fetch import Fetch
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.seal import Seal
from mailserver.services.notify.agent_subscriptions import AgentSubscriptions
from mailserver.services.notify.agent_webhooks import AgentWebhooks
from mailserver.services.notify.endpoints import Endpoints
from mailserver.services.notify.event_log import EventLog
from mailserver.services.notify.inbox_webhooks import InboxWebhooks
from mailserver.services.notify.label_history import LabelHistory
from mailserver.services.notify.lines import Lines, TaskMaker
from mailserver.services.notify.live_events import Doorbell, LiveEvents
from mailserver.services.notify.metering import Metering
from mailserver.services.notify.metrics import Metrics
from mailserver.services.notify.posting import Posting
from mailserver.services.notify.subscriptions import Subscriptions
from mailserver.services.notify.webhooks import Webhooks
from mailserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Notify:
    """The event log and the webhooks, with those parts of them that engines run."""

    event_log: EventLog
    endpoints: Endpoints
    webhooks: Webhooks
    inbox_webhooks: InboxWebhooks
    subscriptions: Subscriptions
    lines: Lines
    posting: Posting
    agent_webhooks: AgentWebhooks
    agent_subscriptions: AgentSubscriptions
    live: LiveEvents
    metering: Metering
    metrics: Metrics
    label_history: LabelHistory


def build(
    database: Database,
    ids: IdSource,
    audit: Audit,
    tasks: TaskMaker,
    fetch: Fetch,
    seal: Seal,
    owner: str,
    clock: Callable[[], int],
    doorbell: Doorbell,
    *,
    allow_private: bool,
) -> Notify:
    """Every part once. `fetch` is theirs alone: slow receivers take no connection from anybody else."""
    posting = Posting(fetch, seal, allow_private=allow_private)
    endpoints = Endpoints(ids, seal, posting)
    return Notify(
        EventLog(database), endpoints, Webhooks(database, ids, audit, endpoints, posting),
        InboxWebhooks(database, endpoints), Subscriptions(), Lines(database, ids, tasks, owner, clock), posting,
        AgentWebhooks(database, audit, endpoints), AgentSubscriptions(),
        LiveEvents(database, doorbell, clock), Metering(database, clock), Metrics(database, clock),
        LabelHistory(database),
    )  # fmt: skip
