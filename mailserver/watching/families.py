"""Plain numbers in the words of Prometheus."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from mailserver.entities.figures import Spread

PREFIX = "mailserver_"
Labels = TypeVar("Labels", bound=tuple[str, ...])


def counter(name: str, text: str, labels: Sequence[str], counts: Mapping[Labels, int]) -> CounterMetricFamily:
    """A counter with its labels. The numbers may be changed meanwhile by another thread."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for values, count in tuple(counts.items()):
        family.add_metric(values, count)
    return family


def histogram(name: str, text: str, spread: Spread) -> HistogramMetricFamily:
    """A histogram."""
    return HistogramMetricFamily(PREFIX + name, text, buckets=spread.cumulative, sum_value=spread.total)


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """A gauge for each value of a label."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=(label,))
    for value, number in values.items():
        family.add_metric((value,), number)
    return family
