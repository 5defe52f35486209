"""What the assembly makes: the services, and those parts of them that engines run."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mailserver.entities.figures import Figures
from mailserver.services.accounts.keystore import KeyStore
from mailserver.services.accounts.seal import Seal
from mailserver.services.filtering.lessons import Lessons
from mailserver.services.inbound.local import LocalDelivery
from mailserver.services.inbound.room import DiskRoom
from mailserver.services.mailbox.stage import Stage
from mailserver.services.notify.fanout import Fanout
from mailserver.services.outbound.claims import Claims
from mailserver.services.outbound.outcomes import Outcomes
from mailserver.services.registry import Services
from mailserver.storage import bayes, credentials
from mailserver.storage import enrichment as enrichment_rows
from mailserver.storage import rules as rule_rows
from mailserver.storage import webhooks as webhook_rows


@dataclass(frozen=True, slots=True)
class Threadpools:
    """Where blocking work is done: files, parsing and signatures, passwords, and the stage behind the journal."""

    files: ThreadPoolExecutor
    crypto: ThreadPoolExecutor
    passwords: ThreadPoolExecutor
    stage: ThreadPoolExecutor


@dataclass(frozen=True, slots=True)
class Assembled:
    """The services, and those parts of them that engines run."""

    services: Services
    stage: Stage
    room: DiskRoom
    outcomes: Outcomes
    claims: Claims
    local: LocalDelivery
    keystore: KeyStore
    lessons: Lessons
    fanout: Fanout
    figures: Figures
    seal: Seal
    pools: Threadpools

    async def begin(self) -> None:
        """Read the key that secrets are sealed with, and seal those that an older version did not."""
        await asyncio.get_running_loop().run_in_executor(self.pools.files, self.seal.load)
        await self.services.factors.seal_old()
        await self.services.enrichment.switches.seal_old()

    def forget(self, topic: str) -> None:
        """Let go what was remembered and has changed."""
        services = self.services
        services.syncing.state_changes.hear(topic)
        services.syncing.push_subscriptions.hear(topic)
        if topic == webhook_rows.SUBSCRIPTIONS:
            services.notify.subscriptions.forget()
            services.notify.agent_subscriptions.forget()
            services.automation.feed.forget()
        elif topic in ("accounts", credentials.TOPIC):
            services.access.forget()
            services.routing.forget()
        elif topic == enrichment_rows.TOPIC:
            services.enrichment.features.forget()
        elif topic == rule_rows.TOPIC:
            services.rules.forget()
        elif topic in ("queue", bayes.LEARNED) and services.content_filter is not None:
            services.content_filter.forget()
