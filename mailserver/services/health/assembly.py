"""Build what looks after the installation."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from mailserver.fetch import Fetch
from mailserver.services.accounts.domains import Domains
from mailserver.services.accounts.keystore import KeyStore
from mailserver.services.certification.assembly import Certification
from mailserver.services.health import themes
from mailserver.services.health.backups import Backups
from mailserver.services.health.doctor import Doctor
from mailserver.services.health.levels import Levels
from mailserver.services.health.premises import Live, Premises, Resolver
from mailserver.services.health.stories import Stories
from mailserver.services.health.zone import Zones
from mailserver.services.outbound.queue import Queue
from mailserver.settings.configuration import Settings
from mailserver.storage.store import Store


@dataclass(frozen=True, slots=True)
class HealthCare:
    """What tells how the installation is."""

    doctor: Doctor
    zones: Zones
    backups: Backups
    live: Live
    levels: Levels
    stories: Stories


def build(
    settings: Settings,
    store: Store,
    resolver: Resolver,
    fetch: Fetch,
    keystore: KeyStore,
    domains: Domains,
    queue: Queue,
    executor: Executor,
    certification: Certification,
    now: Callable[[], int],
) -> HealthCare:
    """Build it on an open store."""
    premises, live = _premises(settings), Live()
    built = themes.build(
        premises,
        live,
        store,
        resolver,
        fetch,
        keystore,
        queue,
        executor,
        lambda: certification.certificates.der,
        certification.keeper.state,
        now,
    )
    operator = settings.health.operator
    doctor = Doctor(store.database, domains, built, operator, now)
    return HealthCare(
        doctor,
        Zones(domains, premises),
        built.backups,
        live,
        Levels(store, executor),
        Stories(store.database, store.files, executor),
    )


def _premises(settings: Settings) -> Premises:
    return Premises(
        hostname=settings.hostname,
        public_url=settings.public_url,
        data_dir=settings.data_dir,
        runtime_dir=settings.runtime_dir,
        reserve_bytes=settings.storage.reserve_bytes,
        remote_port=settings.queue.remote_port,
        smarthost=settings.queue.smarthost,
        sts_mode=settings.transport.sts_mode,
        sts_port=settings.transport.sts_https_port,
        authorities=settings.transport.authorities,
        nameservers=settings.dns.nameservers,
        addresses=settings.health.addresses,
        dns_lists=settings.health.dns_lists,
        signed_name=settings.health.signed_name,
    )
