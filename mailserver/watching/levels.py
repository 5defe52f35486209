"""How full everything is, as gauges."""

import platform
import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mailserver import __version__
from mailserver.entities.levels import Kept
from mailserver.services.health.levels import Seen
from mailserver.watching import families


class LevelGauges(Collector):
    """Tells what was `seen` last. `listeners` counts the streams and sockets of JMAP."""

    def __init__(self, listeners: Callable[[], int]) -> None:
        self._listeners = listeners
        self.seen: Seen | None = None

    def describe(self) -> list[Metric]:
        """Name nothing before it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        build = GaugeMetricFamily("mailserver_build_info", "What runs.", labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        yield families.gauge("push_listeners", "Streams and sockets of JMAP that are open.", self._listeners())
        seen = self.seen
        if seen is None:
            return
        yield from _of_queue(seen)
        yield from _of_disk(seen)
        if seen.kept is not None:
            yield from _of_store(seen.kept)


def _of_queue(seen: Seen) -> Iterator[Metric]:
    oldest = 0.0 if seen.oldest_at is None else max(0.0, time.time() - seen.oldest_at / 1000)
    yield families.gauges("queue_messages", "Deliveries that wait.", "state", seen.waiting)
    yield families.gauge("queue_oldest_age_seconds", "Age of the oldest delivery that waits.", oldest)
    yield families.gauge("journal_backlog_records", "Messages accepted and not yet stored.", seen.journal_records)
    yield families.gauge("journal_oldest_age_seconds", "How long the oldest of them waits.", seen.journal_seconds)
    yield families.gauge("levels_late_seconds", "How much too old the figures from tables are.", seen.late_seconds)


def _of_disk(seen: Seen) -> Iterator[Metric]:
    disk = seen.disk
    yield families.gauge("disk_free_bytes", "Free where the data lies.", disk.free_bytes)
    yield families.gauge("disk_size_bytes", "Size of the file system where the data lies.", disk.total_bytes)
    yield families.gauge("journal_quarantined_records", "Records set aside that nothing can store.", disk.quarantined)
    yield families.gauge(
        "backup_last_timestamp_seconds", "When the last backup was whole; 0: never.", (disk.backup_at or 0) / 1000
    )


def _of_store(kept: Kept) -> Iterator[Metric]:
    yield families.gauge("storage_inboxes", "Inboxes.", kept.inboxes)
    yield families.gauge("storage_messages", "Messages in all inboxes.", kept.messages)
    yield families.gauge("storage_bytes", "Size of the messages in all inboxes.", kept.message_bytes)
    yield families.gauge("storage_database_bytes", "Size of the database.", kept.database_bytes)
    yield families.gauge("webhooks_waiting", "Deliveries of webhooks that wait.", kept.webhooks_waiting)
    yield families.gauge("events_waiting", "Events that are not handed out yet.", kept.events_waiting)
