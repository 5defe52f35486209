"""The metric that says when certificates end."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from mailserver.certificates.served import Certificates


class Expiry(Collector):
    """Tells of the certificates that are shown when it is asked."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See `Collector`."""
        family = GaugeMetricFamily(
            "mailserver_tls_certificate_expiry_timestamp_seconds", "When a certificate ends.", labels=["name"]
        )
        for shown in self._certificates.shown:
            family.add_metric([shown.name], shown.leaf.not_after_at / 1000)
        yield family
