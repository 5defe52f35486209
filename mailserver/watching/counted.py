"""What services, database and resolver have counted."""

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mailserver.entities.figures import Figures, Spread
from mailserver.watching import families


class Commits(Protocol):
    """A database that times its commits."""

    commit_seconds: Spread
    group_sizes: Spread


class Questions(Protocol):
    """A resolver that counts what it asks."""

    questions: Counter[tuple[str, str]]
    answer_seconds: Spread


class Journaled(Protocol):
    """A journal that counts its records."""

    appended: int
    syncs: int


class Counted(Collector):
    """Reads the numbers where they are kept."""

    def __init__(self, figures: Figures, commits: Commits, questions: Questions, journal: Journaled) -> None:
        self._figures = figures
        self._commits = commits
        self._questions = questions
        self._journal = journal

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        figures, commits, questions = self._figures, self._commits, self._questions
        yield families.counter(
            "auth_results", "What came of SPF, DKIM, DMARC and ARC.", ("method", "result"), figures.authentication
        )
        yield families.counter(
            "delivery_attempts", "Recipients that were tried, by the TLS that the session had.", ("result", "tls"),
            figures.attempts,
        )  # fmt: skip
        yield families.histogram("delivery_duration_seconds", "Time that an attempt took.", figures.attempt_seconds)
        yield families.counter("bounces", "Recipients that failed for good, by why.", ("class",), figures.bounces)
        yield families.counter("webhook_deliveries", "Tries to post a webhook.", ("result",), figures.webhooks)
        yield families.histogram(
            "db_commit_duration_seconds", "Time of a database transaction with its sync.", commits.commit_seconds
        )
        yield families.histogram("db_batch_size", "Changes that were committed together.", commits.group_sizes)
        yield families.counter(
            "dns_queries", "Questions to the nameserver, without what was remembered.", ("type", "result"),
            questions.questions,
        )  # fmt: skip
        yield families.histogram(
            "dns_duration_seconds", "Time until the nameserver answered.", questions.answer_seconds
        )
        yield families.counter("journal_records", "Records promised.", (), {(): self._journal.appended})
        yield families.counter(
            "journal_syncs", "Writes of the journal, each with a sync.", (), {(): self._journal.syncs}
        )
