"""Build the services on an open store."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mailserver.dns import DnsResolver
from mailserver.services.accounts.access import Access
from mailserver.services.accounts.bootstrap import Bootstrap
from mailserver.services.accounts.domains import Domains
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.accounts.keystore import KeyStore
from mailserver.services.accounts.rotation import Rotation
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.services.inbound.local import LocalDelivery
from mailserver.services.inbound.receive import Reception
from mailserver.services.inbound.reports import Reports
from mailserver.services.inbound.room import DiskRoom
from mailserver.services.inbound.routing import Routing
from mailserver.services.mailbox.acceptance import Acceptance
from mailserver.services.mailbox.attachments import Attachments
from mailserver.services.mailbox.folders import Folders
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.mailbox.integrity import Integrity
from mailserver.services.mailbox.messages import Messages
from mailserver.services.mailbox.rebuild import Rebuild
from mailserver.services.mailbox.stage import Stage
from mailserver.services.mailbox.threads import Threads
from mailserver.services.outbound.claims import Claims
from mailserver.services.outbound.enqueue import Enqueue
from mailserver.services.outbound.outcomes import Outcomes
from mailserver.services.outbound.queue import Queue
from mailserver.services.outbound.send import Sending
from mailserver.services.outbound.submission import Submission
from mailserver.services.outbound.suppressions import Suppressions
from mailserver.services.registry import Services
from mailserver.settings import Settings
from mailserver.storage.store import Store


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


def now_ms() -> int:
    """Unix milliseconds."""
    return int(time.time() * 1000)


def assemble(settings: Settings, store: Store, pools: Threadpools, resolver: DnsResolver) -> Assembled:
    """Build every service once, each with what it needs."""
    database, ids, files, limits = store.database, store.ids, store.files, settings.limits
    hostname, separator = settings.hostname, settings.smtp.plus_separator
    keystore = KeyStore(store.directory / "keys")
    hasher = PasswordHasher(pools.passwords)
    access = Access(database, ids, hasher, store.secrets["scram"], limits.login_failures_per_address)
    domains = Domains(database, ids, keystore, pools.crypto, hostname)
    inboxes = Inboxes(database, ids)
    routing = Routing(database, hostname, separator, store.secrets["return_path"])
    outcomes = Outcomes(database, ids)
    reports = Reports(database, outcomes, hostname, store.secrets["return_path"], pools.files)
    ingest = Ingest(database, files, ids, hostname, pools.files, reports.apply, settings.storage.node)
    stage = Stage(
        store.journal, ingest, files, pools.stage, store.directory / "quarantine", settings.storage.checkpoint_seconds
    )
    acceptance = Acceptance(store.journal, files, pools.files, settings.storage.spool_threshold_bytes)
    room = DiskRoom(store.journal, files, pools.files, settings.storage.reserve_bytes)
    enqueue = Enqueue(ids, settings.queue.lifetime_seconds)
    messages = Messages(database, files, pools.files)
    services = Services(
        access=access,
        bootstrap=Bootstrap(database, ids, access, domains, inboxes, hasher),
        domains=domains,
        rotation=Rotation(database, keystore, pools.crypto, resolver, now_ms),
        inboxes=inboxes,
        routing=routing,
        reception=Reception(routing, acceptance, reports, room, ids, hostname, limits.received_hops),
        submission=Submission(
            inboxes, acceptance, enqueue, room, ids, hostname, separator,
            hide_client=settings.smtp.hide_client_address, save_sent=settings.smtp.save_sent,
        ),
        messages=messages,
        threads=Threads(database),
        folders=Folders(database),
        attachments=Attachments(database, store.directory / "uploads", pools.files, limits.upload_bytes),
        sending=Sending(
            database, ingest, messages, inboxes, enqueue, room, ids, pools.files, limits.api_recipients,
            limits.message_bytes,
        ),
        queue=Queue(database, now_ms),
        suppressions=Suppressions(database),
        integrity=Integrity(database, files, pools.files),
        rebuild=Rebuild(database, files, ingest, pools.files),
    )  # fmt: skip
    owner = f"{hostname}/{settings.storage.node}"
    claims = Claims(database, owner, settings.queue.lease_seconds, now_ms)
    local = LocalDelivery(routing, acceptance, ids, pools.files, limits.received_hops)
    return Assembled(services, stage, room, outcomes, claims, local, keystore)
