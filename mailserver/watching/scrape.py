"""The page that Prometheus reads."""

import asyncio
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.process_collector import ProcessCollector

from mailserver.services.health.levels import Seen
from mailserver.watching.levels import LevelGauges


class Levels(Protocol):
    """Whoever knows how full everything is."""

    async def look(self) -> Seen:
        """What was seen last."""
        ...


class Scrape:
    """Writes the page. One for the process."""

    def __init__(self, registry: CollectorRegistry, levels: Levels, gauges: LevelGauges) -> None:
        self._registry = registry
        self._levels = levels
        self._gauges = gauges
        registry.register(gauges)
        ProcessCollector(registry=registry)

    async def page(self) -> bytes:
        """Everything that is known; written in a thread, because there are thousands of lines."""
        self._gauges.seen = await self._levels.look()
        return await asyncio.to_thread(generate_latest, self._registry)
