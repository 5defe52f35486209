"""Build the queue's engine."""

from collections.abc import Callable, Collection
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

from mailserver.queue import tls
from mailserver.queue.attempt import Attempt, Means
from mailserver.queue.bounce import Bounces
from mailserver.queue.conversation import Login, Patience
from mailserver.queue.ledger import Ledger, Recorder
from mailserver.queue.local import LocalDelivery
from mailserver.queue.opening import Opening
from mailserver.queue.policy import NoStsPolicies, Policies, StsPolicies, TlsaRecords
from mailserver.queue.pool import Pool
from mailserver.queue.retry import Schedule
from mailserver.queue.routing import Names, Ourselves, Routing, Smarthost
from mailserver.queue.runner import Claims, Doorbell, Limits, Runner
from mailserver.queue.sessions import LoggedSessions, Sessions
from mailserver.queue.signing import KeyStore, Signing
from mailserver.queue.upkeep import Upkeep, Waiting
from mailserver.settings.sections import Queue

SMTP_PORT = 25


class Lookups(Names, TlsaRecords, Protocol):
    """Everything that the queue asks of DNS."""


class ClaimsAndWaiting(Claims, Waiting, Protocol):
    """Who hands out deliveries, and knows which wait for long."""


def runner(
    settings: Queue,
    hostname: str,
    resolver: Lookups,
    listening: Callable[[], Collection[tuple[str, int]]],
    claims: ClaimsAndWaiting,
    recorder: Recorder,
    local: LocalDelivery,
    keys: KeyStore,
    verp_secret: bytes,
    mail_directory: Path,
    executor: Executor,
    doorbell: Doorbell,
    clock: Callable[[], int],
    drain_seconds: float,
    sessions: Sessions | None = None,
    sts: StsPolicies | None = None,
    authorities: str | None = None,
) -> Runner:
    """A runner with everything that it works with.

    `sessions` counts what a report tells of, `sts` knows policies of others, and `authorities` is a PEM file of
    certificate authorities that are trusted beside the system's.
    """
    smarthost = _smarthost(settings.smarthost) if settings.smarthost else None
    routing = Routing(
        resolver,
        Policies(resolver, sts or NoStsPolicies()),
        Ourselves(hostname, listening),
        settings.remote_port,
        smarthost,
        # Whoever sets another port than SMTP's has a network of his own, and very likely this machine's loopback.
        allow_private=settings.allow_private or settings.remote_port != SMTP_PORT,
    )
    patience = Patience().at_most(settings.reply_timeout_seconds)
    opening = Opening(
        hostname,
        tls.contexts(authorities),
        sessions or LoggedSessions(),
        patience,
        settings.connect_timeout_seconds,
        _login(settings),
    )
    pool = Pool(opening)
    ledger = Ledger(recorder)
    bounces = Bounces(hostname, mail_directory, local, executor, clock)
    schedule = Schedule(settings.retry_seconds, settings.retry_jitter)
    signing = Signing(mail_directory, keys, executor, hostname)
    attempt = Attempt(Means(signing, routing, pool, local, bounces, ledger, schedule, verp_secret, clock))
    upkeep = Upkeep(claims, attempt, bounces, settings.delay_notice_seconds, clock)
    limits = Limits(settings.concurrency, settings.destination_concurrency, settings.lease_seconds, drain_seconds)
    return Runner(claims, attempt, ledger, pool, upkeep, schedule, doorbell, limits, clock)


def _smarthost(text: str) -> Smarthost:
    host, _, port = text.rpartition(":")
    return Smarthost(host.strip("[]"), int(port))


def _login(settings: Queue) -> Login | None:
    if not settings.smarthost_user or settings.smarthost_password is None:
        return None
    return Login(settings.smarthost_user, settings.smarthost_password.get_secret_value())
