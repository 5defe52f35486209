"""Composition root: build every object once, start them bottom-up, stop them top-down."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import fields
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry

from mailserver import foundation, systemd
from mailserver.admin import door, local_programs
from mailserver.admin.address import SUBMIT_SOCKET
from mailserver.admin.logging import Level
from mailserver.admin.verbs import Verbs
from mailserver.api import challenges, mount
from mailserver.api.agentry.event_bodies import AgentryPosting, EventBodies
from mailserver.certificates.expiry import Expiry
from mailserver.certificates.served import CertificateProblem, Certificates
from mailserver.dns import DnsResolver
from mailserver.events.dispatcher import Dispatcher
from mailserver.events.follower import Follower
from mailserver.http import server
from mailserver.jmap.capabilities import Limits as JmapLimits
from mailserver.jmap.mount import Jmap
from mailserver.jmap.push.pusher import Pusher
from mailserver.jobs import schedule
from mailserver.jobs.lag import LoopLag
from mailserver.queue import assembly as queue_assembly
from mailserver.services import assembly
from mailserver.services.assembled import Assembled
from mailserver.services.notify.doorbell import Doorbell
from mailserver.settings.configuration import Settings
from mailserver.smtp.handshake import Tls
from mailserver.smtp.limits import SmtpLimits
from mailserver.smtp.listeners import Listeners, Ports
from mailserver.storage import journal_state
from mailserver.storage.store import Store
from mailserver.watching.counted import Counted
from mailserver.watching.levels import LevelGauges
from mailserver.watching.scrape import Scrape

PROGRAM_SECONDS, PROGRAMS_AT_ONCE = 120.0, 20
PROOF_DRAIN_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
log = structlog.get_logger()


class Engine(Protocol):
    """What works until it is told to stop."""

    async def run(self) -> None:
        """Work; returns after `stop`."""

    def stop(self) -> None:
        """Finish what is in hand."""


class Logging(Protocol):
    """What of the logs can be changed while the server runs."""

    @property
    def level(self) -> Level:
        """How much is logged."""

    def redact_with(self, key: bytes) -> None:
        """Take the key for the names of addresses, where those are not written."""


async def serve(settings: Settings, ready: Callable[[dict[str, Any]], None], logging: Logging) -> None:
    """Serve until told to stop, then drain. `ready` gets the listeners' addresses once every socket is bound."""
    supervisor = systemd.Supervisor()
    inherited = systemd.inherited_sockets()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        stack.callback(tasks.create_task(supervisor.watch()).cancel)
        doorbell = Doorbell()
        heard: list[Callable[[str], None]] = [doorbell.ring]
        opened, assembled, resolver = await foundation.laid(
            settings, stack, doorbell, lambda topic: _announce(heard, topic)
        )
        logging.redact_with(opened.secrets["logs"])
        certificate = assembled.services.certification.certificates
        heard.append(assembled.forget)
        await _start_stage(settings, opened, assembled, tasks, stack)
        await asyncio.to_thread(certificate.load)
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(_reload(certificate, assembled)))
        registry = CollectorRegistry()
        registry.register(Expiry(certificate))
        registry.register(Counted(assembled.figures, opened.database, resolver, opened.journal))
        smtp = _smtp(settings, assembled, certificate, inherited, registry)
        signing = stack.enter_context(ThreadPoolExecutor(2, "signing"))
        trusted = settings.transport.authorities
        authorities = str(trusted) if trusted else None
        collector = assembled.services.reporting.collector
        _run(tasks, stack, collector.run(), collector.stop)  # it hears of what the queue and the ports do last
        runner = _runner(settings, opened, assembled, resolver, doorbell, smtp, signing, authorities)
        _run(tasks, stack, runner.run(), runner.stop)
        for engine in _engines(assembled, doorbell):
            _run(tasks, stack, engine.run(), engine.stop)
        await stack.enter_async_context(schedule.running(assembled.services))
        socket = settings.runtime_dir / "admin.sock"
        await stack.enter_async_context(door.opened(socket, Verbs(assembled.services, logging.level)))
        if settings.sendmail.inbox:
            programs = local_programs.ProgramVerbs(assembled.services)
            terms = door.Terms(0o666, settings.limits.message_bytes, PROGRAM_SECONDS, PROGRAMS_AT_ONCE)
            await stack.enter_async_context(door.opened(settings.runtime_dir / SUBMIT_SOCKET, programs, terms))
        addresses = await stack.enter_async_context(
            _http(settings, opened, assembled, certificate, inherited, registry)
        )
        proofs = await _proofs(settings, assembled, inherited, stack)
        await stack.enter_async_context(smtp)
        keeper = assembled.services.certification.keeper
        _run(tasks, stack, keeper.run(), keeper.stop)
        stack.callback(tasks.create_task(LoopLag(registry).run()).cancel)
        assembled.services.health.live.serving({**smtp.addresses, "http": addresses})
        supervisor.ready()
        ready({"listeners": {**smtp.addresses, **proofs, "http": addresses}})
        await stopped.wait()
        log.info("server.stopping")
        supervisor.notify("STOPPING=1\nSTATUS=Finishing what is in hand")
        runner.stop()  # the queue finishes what is in hand while the ports do
        await smtp.drain(settings.limits.drain_seconds)


async def _start_stage(
    settings: Settings, opened: Store, assembled: Assembled, tasks: asyncio.TaskGroup, stack: AsyncExitStack
) -> None:
    """Store what an earlier run had accepted, then begin to accept."""
    applied = await opened.database.read(journal_state.applied, settings.storage.node)
    left = await asyncio.to_thread(opened.journal.open, applied)
    opened.journal.start()
    stack.push_async_callback(asyncio.to_thread, opened.journal.stop)
    replayed = await assembled.stage.replay(left, applied)
    opened.ids.raise_floor(await opened.database.read(journal_state.largest_id))  # the journal had ids of its own
    log.info("server.journal.replayed", records=replayed)
    _run(tasks, stack, assembled.stage.run(), assembled.stage.drain)
    watch = tasks.create_task(assembled.room.run())
    stack.callback(watch.cancel)


def _smtp(
    settings: Settings,
    assembled: Assembled,
    certificate: Certificates,
    inherited: dict[str, Any],
    registry: CollectorRegistry,
) -> Listeners:
    services = assembled.services
    names = {field.name for field in fields(SmtpLimits)}
    limits = SmtpLimits(**{name: value for name, value in settings.limits.model_dump().items() if name in names})
    ports = Ports(settings.smtp.mx_listen, settings.smtp.submission_listen, settings.smtp.submissions_listen, inherited)
    tls = Tls(certificate.context, lambda: certificate.der)
    return Listeners(
        settings.hostname, ports, limits, tls, services.reception, services.submission, services.access, registry
    )


def _http(
    settings: Settings,
    opened: Store,
    assembled: Assembled,
    certificate: Certificates,
    inherited: dict[str, Any],
    registry: CollectorRegistry,
) -> AbstractAsyncContextManager[tuple[str, ...]]:
    def troubles() -> list[str]:
        found = [] if assembled.room.is_there else ["The disk is nearly full."]
        return [*found, "The journal cannot be written."] if opened.journal.is_broken else found

    jmap = Jmap(assembled.services, settings.public_url, JmapLimits(settings.limits.upload_bytes))
    token = settings.http.metrics_token
    application = mount.application(
        assembled.services,
        settings.public_url,
        opened.secrets["links"],
        settings.limits.request_bytes,
        registry,
        troubles,
        Scrape(registry, assembled.services.health.levels, LevelGauges(lambda: jmap.listeners)),
        token.get_secret_value() if token else "",
    )
    jmap.mount(application)
    sockets = inherited.get("https" if settings.http.tls else "http", ())
    tls = certificate.https if settings.http.tls else None
    return server.running(application, settings.http.listen, sockets, tls, settings.limits.drain_seconds / 3)


async def _proofs(
    settings: Settings, assembled: Assembled, inherited: dict[str, Any], stack: AsyncExitStack
) -> dict[str, tuple[str, ...]]:
    """Open the port where a certificate authority asks for proofs, where it does so; its addresses."""
    if not settings.acme.has_listener:
        return {}
    application = challenges.application(assembled.services.certification.tokens.answer, settings.public_url)
    sockets = inherited.get("acme", ()) or (inherited.get("http", ()) if settings.http.tls else ())
    listening = server.running(
        application, settings.acme.http_listen, sockets, None, PROOF_DRAIN_SECONDS, setting="acme.http_listen"
    )
    return {"acme": await stack.enter_async_context(listening)}


def _runner(
    settings: Settings,
    opened: Store,
    assembled: Assembled,
    resolver: DnsResolver,
    doorbell: Doorbell,
    smtp: Listeners,
    signing: Executor,
    authorities: str | None,
) -> Any:
    return queue_assembly.runner(
        settings.queue,
        settings.hostname,
        resolver,
        lambda: _pairs(smtp.addresses.get("smtp", ())),
        assembled.claims,
        assembled.outcomes,
        assembled.local,
        assembled.keystore,
        opened.secrets["return_path"],
        opened.directory / "mail",
        signing,
        doorbell,
        assembly.now_ms,
        settings.limits.drain_seconds,
        sessions=assembled.services.reporting.collector,
        sts=assembled.services.sts,
        authorities=authorities,
    )


def _engines(assembled: Assembled, doorbell: Doorbell) -> tuple[Engine, ...]:
    """What works behind the ports, in the order of its start; it is stopped the other way round."""
    services = assembled.services
    told, synced, broadcasting = services.notify, services.syncing, services.broadcasting
    return (
        assembled.lessons,
        services.enrichment.worker,
        broadcasting.tracking,
        broadcasting.feeder,
        _dispatcher(assembled, doorbell),
        services.automation.clock,
        services.draft_clock,
        services.sieve.desk,
        told.live,
        synced.state_changes,
        Pusher(synced.push_subscriptions, synced.push_posting, synced.state_changes, doorbell),
        Follower(assembled.fanout, doorbell),
    )


def _dispatcher(assembled: Assembled, doorbell: Doorbell) -> Dispatcher:
    told = assembled.services.notify
    posting = AgentryPosting(told.posting, EventBodies(assembled.services))
    return Dispatcher(told.lines, posting, doorbell, foundation.WEBHOOKS, assembly.now_ms, assembled.figures)


def _run(
    tasks: asyncio.TaskGroup, stack: AsyncExitStack, work: Coroutine[Any, Any, None], stop: Callable[[], None]
) -> None:
    """Run an engine in the group; when the stack unwinds it is told to stop, and waited for."""
    task = tasks.create_task(work)

    async def finish() -> None:
        stop()
        await asyncio.wait([task])

    stack.push_async_callback(finish)


async def _reload(certificate: Certificates, assembled: Assembled) -> None:
    """SIGHUP: certificates and keys, nothing else. What cannot be read leaves what there was."""
    try:
        await asyncio.to_thread(certificate.load)
    except CertificateProblem as error:
        log.error("server.reload.failed", error=str(error))
        return
    assembled.keystore.reload()
    log.info("server.reloaded")


def _announce(heard: Sequence[Callable[[str], None]], topic: str) -> None:
    for listener in heard:
        listener(topic)


def _pairs(addresses: Sequence[str]) -> set[tuple[str, int]]:
    pairs = set()
    for text in addresses:
        host, _, port = text.rpartition(":")
        pairs.add((host.strip("[]"), int(port)))
    return pairs
