"""The pages of this face, in the order in which their paths are tried."""

from mailserver.api.agentry.api_keys import ApiKeysPage, InboxApiKeysPage
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.domains import AgentDomainsPage
from mailserver.api.agentry.draft_answers import DraftAnswers
from mailserver.api.agentry.drafts import DraftsPage, InboxDraftsPage
from mailserver.api.agentry.inbox_messages import InboxMessagesPage
from mailserver.api.agentry.inbox_sending import InboxSendingPage
from mailserver.api.agentry.inbox_threads import InboxThreadsPage
from mailserver.api.agentry.inboxes import InboxesPage
from mailserver.api.agentry.lists import ListsPage
from mailserver.api.agentry.message_answers import MessageAnswers
from mailserver.api.agentry.messages import MessagesPage
from mailserver.api.agentry.metric_answers import MetricAnswers
from mailserver.api.agentry.metrics import InboxMetricsPage, MetricsPage, PodMetricsPage
from mailserver.api.agentry.organizations import OrganizationsPage
from mailserver.api.agentry.outbox import Outbox
from mailserver.api.agentry.searches import Searches
from mailserver.api.agentry.thread_answers import ThreadAnswers
from mailserver.api.agentry.threads import ThreadsPage
from mailserver.api.agentry.webhook_answers import WebhookAnswers
from mailserver.api.agentry.webhooks import AgentWebhooksPage, InboxWebhooksPage
from mailserver.http.downloads import Links
from mailserver.services.registry import Services


def pages(services: Services, cursors: Cursors, links: Links) -> tuple[object, ...]:
    """Every page. Fixed words stand before the variable paths that they would fall under."""
    outbox, searches = Outbox(services), Searches(services, cursors)
    messages = MessageAnswers(services, cursors, links)
    threads = ThreadAnswers(services, cursors, messages)
    drafts = DraftAnswers(services, cursors, messages)
    hooks = WebhookAnswers(services, cursors)
    numbers = MetricAnswers(services)
    return (
        MessagesPage(services, messages, outbox), ThreadsPage(services, threads, searches),
        DraftsPage(services, drafts), InboxesPage(services, cursors),
        InboxSendingPage(services, outbox), InboxMessagesPage(services, messages, searches),
        InboxThreadsPage(services, threads, searches), InboxDraftsPage(services, drafts, outbox),
        ListsPage(services, cursors), OrganizationsPage(services),
        ApiKeysPage(services, cursors), InboxApiKeysPage(services, cursors),
        AgentDomainsPage(services, cursors),
        AgentWebhooksPage(services, hooks), InboxWebhooksPage(services, hooks),
        MetricsPage(numbers), InboxMetricsPage(services, numbers), PodMetricsPage(services, numbers),
    )  # fmt: skip
