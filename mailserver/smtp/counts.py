"""What happened at the listeners, counted for Prometheus.

Plain dictionaries are counted on the loop and read at a scrape: a `Counter.inc` for each command would cost more than
the command.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from mailserver.entities.figures import SIZES_BYTES, Spread


class Counts(Collector):
    """The counters of all listeners."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections: Counter[tuple[str, str]] = Counter()  # listener, result
        self.messages: Counter[tuple[str, str]] = Counter()  # listener, result
        self.commands: Counter[tuple[str, str]] = Counter()  # command, class of the reply
        self.rejections: Counter[tuple[str]] = Counter()  # enhanced code
        self.logins: Counter[tuple[str, str]] = Counter()  # mechanism, result
        self.sessions: Counter[str] = Counter()  # listener
        self.sizes = Spread(SIZES_BYTES)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Hand the figures to Prometheus; in a thread beside the one that counts, which is why they are copied."""
        families = (
            ("connections", "Connections that came in.", ("listener", "result"), self.connections),
            ("messages", "Messages that were offered.", ("listener", "result"), self.messages),
            ("commands", "Commands that were answered.", ("command", "class"), self.commands),
            ("rejections", "Negative replies, by enhanced code.", ("reason",), self.rejections),
            ("auth", "Login attempts.", ("mechanism", "result"), self.logins),
        )
        for name, text, labels, counter in families:
            family = CounterMetricFamily(f"mailserver_smtp_{name}", text, labels=labels)
            for values, count in tuple(counter.items()):
                family.add_metric(values, count)
            yield family
        gauge = GaugeMetricFamily("mailserver_smtp_sessions", "Connections that are open.", labels=("listener",))
        for listener, count in tuple(self.sessions.items()):
            gauge.add_metric((listener,), count)
        yield gauge
        sizes = HistogramMetricFamily("mailserver_smtp_message_size_bytes", "Sizes of messages that were accepted.")
        sizes.add_metric((), self.sizes.cumulative, self.sizes.total)
        yield sizes
