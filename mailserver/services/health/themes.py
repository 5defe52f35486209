"""Everything that can be looked at, built once."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from mailserver.services.accounts.domain_checks import DomainChecks
from mailserver.services.accounts.keystore import KeyStore
from mailserver.services.health.backups import Backups
from mailserver.services.health.block_lists import BlockLists
from mailserver.services.health.certificate import CertificateCheck, States
from mailserver.services.health.clock import Clock
from mailserver.services.health.disk import Disk
from mailserver.services.health.domain_records import DomainRecords
from mailserver.services.health.host import Host
from mailserver.services.health.keeping import Keeping
from mailserver.services.health.permissions import Permissions
from mailserver.services.health.ports import Ports
from mailserver.services.health.premises import Addresses, Live, Premises, Resolver
from mailserver.services.health.process import Process
from mailserver.services.health.resolving import Resolving
from mailserver.services.health.sender_policy import SenderPolicy
from mailserver.services.health.signing_keys import SigningKeys
from mailserver.services.health.sts_policy import StsPolicy
from mailserver.services.health.waiting import Waiting
from mailserver.services.outbound.queue import Queue
from mailserver.storage.store import Store


@dataclass(frozen=True, slots=True)
class Themes:
    """One object a theme."""

    process: Process
    host: Host
    ports: Ports
    certificate: CertificateCheck
    lists: BlockLists
    resolving: Resolving
    disk: Disk
    clock: Clock
    waiting: Waiting
    keeping: Keeping
    permissions: Permissions
    backups: Backups
    records: DomainRecords
    policy: SenderPolicy
    keys: SigningKeys
    sts: StsPolicy


def build(
    premises: Premises,
    live: Live,
    store: Store,
    resolver: Resolver,
    web: Any,
    keystore: KeyStore,
    queue: Queue,
    executor: Executor,
    certificate: Callable[[], bytes | None],
    states: States,
    now: Callable[[], int],
) -> Themes:
    """Build them all; `web` fetches over HTTP, `certificate` is the one that is served, in DER."""
    addresses = Addresses(premises, resolver)
    return Themes(
        process=Process(live),
        host=Host(premises, resolver, addresses),
        ports=Ports(premises, live, resolver, web, addresses),
        certificate=CertificateCheck(premises, live, certificate, states),
        lists=BlockLists(premises, resolver, addresses),
        resolving=Resolving(premises, resolver),
        disk=Disk(premises, executor),
        clock=Clock(store.database, now),
        waiting=Waiting(store.database, queue, store.journal, now),
        keeping=Keeping(premises, store.database, store.files, executor),
        permissions=Permissions(premises, live, executor),
        backups=Backups(premises, executor, now),
        records=DomainRecords(DomainChecks(resolver), resolver),
        policy=SenderPolicy(resolver, executor, premises.hostname, addresses),
        keys=SigningKeys(keystore, executor),
        sts=StsPolicy(premises, resolver, web),
    )
