"""The pages of this face, in the order in which their paths are tried."""

from mailserver.api.agentry.api_keys import ApiKeysPage, InboxApiKeysPage
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.domains import AgentDomainsPage
from mailserver.api.agentry.draft_answers import DraftAnswers
from mailserver.api.agentry.drafts import DraftsPage, InboxDraftsPage
from mailserver.api.agentry.inbox_events import InboxEventsPage
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
from mailserver.api.agentry.pod_access import PodApiKeysPage, PodListsPage
from mailserver.api.agentry.pod_domains import PodDomainsPage
from mailserver.api.agentry.pod_inboxes import PodInboxesPage
from mailserver.api.agentry.pod_mail import PodDraftsPage, PodThreadsPage
from mailserver.api.agentry.pod_webhooks import PodWebhooksPage
from mailserver.api.agentry.pods import PodsPage
from mailserver.api.agentry.search import SearchPage
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
    over_threads, over_drafts = ThreadsPage(services, threads, searches), DraftsPage(services, drafts)
    inboxes, domains = InboxesPage(services, cursors), AgentDomainsPage(services, cursors)
    lists, keys = ListsPage(services, cursors), ApiKeysPage(services, cursors)
    webhooks = AgentWebhooksPage(services, hooks)
    return (
        MessagesPage(services, messages, outbox), over_threads, over_drafts, inboxes,
        InboxSendingPage(services, outbox), InboxMessagesPage(services, messages, searches),
        InboxThreadsPage(services, threads, searches), InboxDraftsPage(services, drafts, outbox),
        lists, OrganizationsPage(services), keys, InboxApiKeysPage(services, cursors), domains,
        webhooks, InboxWebhooksPage(services, hooks),
        PodsPage(services, cursors), PodInboxesPage(services, inboxes), PodThreadsPage(services, over_threads),
        PodDraftsPage(services, over_drafts), PodDomainsPage(services, domains),
        PodWebhooksPage(services, webhooks, hooks), PodApiKeysPage(services, keys), PodListsPage(services, lists),
        MetricsPage(numbers), InboxMetricsPage(services, numbers), PodMetricsPage(services, numbers),
        InboxEventsPage(services, cursors), SearchPage(searches),
    )  # fmt: skip
