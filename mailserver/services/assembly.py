"""Build the services on an open store."""

import time

from mailserver.dns import DnsResolver
from mailserver.entities.figures import Figures
from mailserver.entities.folder import Role
from mailserver.entities.quota import Allotment
from mailserver.fetch import Fetch
from mailserver.mail.mtasts import Mode
from mailserver.services.accounts import offers
from mailserver.services.accounts import throttle as throttling
from mailserver.services.accounts.access import Access
from mailserver.services.accounts.agent_inboxes import AgentInboxes
from mailserver.services.accounts.agent_tokens import AgentTokens
from mailserver.services.accounts.allotments import Allotments
from mailserver.services.accounts.api_keys import ApiKeys
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.bootstrap import Bootstrap
from mailserver.services.accounts.domain_checks import DomainChecks
from mailserver.services.accounts.domain_keeping import DomainKeeping
from mailserver.services.accounts.domains import Domains
from mailserver.services.accounts.factors import Factors
from mailserver.services.accounts.forwarding import Forwards
from mailserver.services.accounts.inbox_keeping import InboxKeeping
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.accounts.keystore import KeyStore
from mailserver.services.accounts.organizations import Organizations
from mailserver.services.accounts.pods import Pods
from mailserver.services.accounts.repeats import Repeats
from mailserver.services.accounts.rotation import Rotation
from mailserver.services.accounts.seal import Seal
from mailserver.services.accounts.secrets import PasswordHasher
from mailserver.services.accounts.sessions import Sessions
from mailserver.services.accounts.throttle import Throttle
from mailserver.services.accounts.usage import Usage
from mailserver.services.accounts.user_passwords import UserPasswords
from mailserver.services.accounts.users import Users
from mailserver.services.assembled import Assembled, Threadpools
from mailserver.services.automation import assembly as automation
from mailserver.services.broadcast import assembly as broadcast
from mailserver.services.broadcast.tally import Tally
from mailserver.services.certification import assembly as certification
from mailserver.services.enrichment import assembly as enrichment
from mailserver.services.filtering import assembly as filtering
from mailserver.services.filtering.lessons import Lessons
from mailserver.services.filtering.rules import Rules
from mailserver.services.health import assembly as health
from mailserver.services.inbound import assembly as inbound
from mailserver.services.inbound import capture
from mailserver.services.inbound.forward_upkeep import ForwardUpkeep
from mailserver.services.inbound.forwarding import Forwarding
from mailserver.services.inbound.local import LocalDelivery
from mailserver.services.inbound.receive import Reception
from mailserver.services.inbound.reports import Reports
from mailserver.services.inbound.rewriting import Rewriting
from mailserver.services.inbound.room import DiskRoom
from mailserver.services.inbound.routing import Routing
from mailserver.services.inbound.wishes import Wishes
from mailserver.services.mailbox.acceptance import Acceptance
from mailserver.services.mailbox.attachments import Attachments
from mailserver.services.mailbox.emptying import Emptying
from mailserver.services.mailbox.finding import Finding
from mailserver.services.mailbox.folders import Folders
from mailserver.services.mailbox.holding import Holding
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.mailbox.integrity import Integrity
from mailserver.services.mailbox.messages import Messages
from mailserver.services.mailbox.rebuild import Rebuild
from mailserver.services.mailbox.stage import Stage
from mailserver.services.mailbox.threads import Threads
from mailserver.services.moving import assembly as moving
from mailserver.services.notify import assembly as notify
from mailserver.services.notify.doorbell import Doorbell
from mailserver.services.notify.fanout import Fanout
from mailserver.services.outbound import allowance as allowances
from mailserver.services.outbound.allowance import Allowance
from mailserver.services.outbound.approvals import Approvals
from mailserver.services.outbound.claims import Claims
from mailserver.services.outbound.draft_clock import DraftClock
from mailserver.services.outbound.drafts import Drafts
from mailserver.services.outbound.enqueue import Enqueue
from mailserver.services.outbound.fetched_files import FetchedFiles
from mailserver.services.outbound.local_programs import LocalPrograms
from mailserver.services.outbound.notices import Notices
from mailserver.services.outbound.outcomes import Outcomes
from mailserver.services.outbound.queue import Queue
from mailserver.services.outbound.send import Sending
from mailserver.services.outbound.submission import Submission
from mailserver.services.outbound.suppressions import Suppressions
from mailserver.services.outbound.transport import StsPolicies
from mailserver.services.registry import Services
from mailserver.services.reporting import assembly as reporting
from mailserver.services.retention import retained
from mailserver.services.sieve import assembly as sieve
from mailserver.services.sieve.letters import LetterBook
from mailserver.services.sieve.running import Scripts
from mailserver.services.syncing import assembly as syncing
from mailserver.services.team import assembly as team
from mailserver.services.team.ticket_states import TicketStates
from mailserver.services.workspace.activity import Timeline
from mailserver.services.workspace.activity_feed import ActivityFeed
from mailserver.services.workspace.agenda import Agenda
from mailserver.services.workspace.agent_labels import AgentLabels
from mailserver.services.workspace.anniversaries import Anniversaries
from mailserver.services.workspace.appointments import Appointments
from mailserver.services.workspace.calendars import Calendars
from mailserver.services.workspace.commitments import Commitments
from mailserver.services.workspace.contacts import Contacts
from mailserver.services.workspace.labels import Labels
from mailserver.services.workspace.relationships import Relationships
from mailserver.services.workspace.tasks import Tasks
from mailserver.settings.configuration import Settings
from mailserver.storage.store import Store


def now_ms() -> int:
    """Unix milliseconds."""
    return int(time.time() * 1000)


def assemble(
    settings: Settings,
    store: Store,
    pools: Threadpools,
    resolver: DnsResolver,
    fetch: Fetch,
    webhook_fetch: Fetch,
    doorbell: Doorbell,
) -> Assembled:
    """Build every service once, each with what it needs."""
    database, ids, files, limits = store.database, store.ids, store.files, settings.limits
    hostname, separator = settings.hostname, settings.smtp.plus_separator
    keystore = KeyStore(store.directory / "keys")
    hasher, seal = PasswordHasher(pools.passwords), Seal(store.directory / "keys")
    throttle = Throttle(throttling.limits(limits))
    access = Access(database, ids, hasher, store.secrets["scram"], throttle)
    mode, certificates = Mode(settings.transport.sts_mode), certification.certificates(settings)
    domains = Domains(
        database, ids, keystore, pools.crypto, hostname, mode, certification.proof(certificates),
        offers.of_settings(settings),
    )  # fmt: skip
    inboxes, audit = Inboxes(database, ids), Audit(database, ids)
    allotments, tally, figures = (
        Allotments(database, Allotment(limits.inbox_bytes, limits.inbox_messages)),
        Tally(),
        Figures(),
    )
    rewriting = Rewriting(database, ids, store.secrets["return_path"])
    routing = Routing(
        database, hostname, separator, store.secrets["return_path"], rewriting, allotments,
        capture.standing_in(settings.queue.capture, separator),
    )  # fmt: skip
    outcomes = Outcomes(database, ids, tally, figures)
    reports = Reports(database, outcomes, hostname, store.secrets["return_path"], pools.files)
    owner = f"{hostname}/{settings.storage.node}"
    tasks, timeline = Tasks(database, ids), Timeline(database, ids)
    told = notify.build(
        database, ids, audit, tasks, webhook_fetch, seal, owner, now_ms, doorbell,
        allow_private=settings.outbound_http.allow_private,
    )  # fmt: skip
    states, letters = TicketStates(ids), LetterBook(ids)
    acting = automation.build(database, ids, tasks, states, told, doorbell, now_ms)
    hanging = team.threads(database, ids, tasks, states, acting.engine)
    ingest = Ingest(
        database, files, ids, hostname, pools.files, reports.apply, (states, acting.engine, letters),
        settings.storage.node,
    )  # fmt: skip
    stage = Stage(
        store.journal, ingest, files, pools.stage, store.directory / "quarantine", settings.storage.checkpoint_seconds
    )
    acceptance = Acceptance(store.journal, files, pools.files, settings.storage.spool_threshold_bytes)
    room = DiskRoom(store.journal, files, pools.files, settings.storage.reserve_bytes)
    enqueue = Enqueue(ids, settings.queue.lifetime_seconds)
    allowance = Allowance(database, ids, allowances.limits(limits), now_ms)
    messages = Messages(database, files, pools.files)
    rules = Rules(database, ids)
    forwarding = Forwarding(ids, rewriting, rules, settings.queue.lifetime_seconds, limits.forwarded_per_hour)
    content_filter = filtering.build(settings, database, resolver, pools.crypto, fetch, now_ms)
    reported = reporting.build(
        database, files, ids, ingest, enqueue, resolver, fetch, pools.files, hostname, owner, now_ms, settings.reports
    )
    judge = inbound.judge(
        settings, database, pools.crypto, pools.files, resolver, rules, content_filter, reported.collector, figures
    )
    wishes = Wishes(database, Scripts(database, ids, pools.files, hostname, separator), letters)
    local = LocalDelivery(
        database, routing, acceptance, judge, forwarding, wishes, ids, pools.files, limits.received_hops
    )  # fmt: skip
    sts = StsPolicies(
        database, resolver, fetch, now_ms, settings.transport.sts_https_port, settings.transport.authorities
    )
    sending = Sending(
        database, ingest, messages, inboxes, enqueue, allowance, rules, room, ids, pools.files,
        limits.api_recipients, limits.message_bytes, hanging.links,
    )  # fmt: skip
    contacts = Contacts(database, ids, pools.files)
    broadcasting = broadcast.build(
        database, files, ids, pools.files, ingest, enqueue, allowance, rules, room, tally, doorbell, now_ms,
        store.secrets["tracking"], settings.public_url,
    )  # fmt: skip
    held = Approvals(database, ids, sending, messages, audit, broadcasting.broadcasts, tasks)
    shared = team.build(database, ids, audit, tasks, hanging, contacts, timeline, sending, held)
    attachments, appointments = (
        Attachments(database, store.directory / "uploads", pools.files, limits.upload_bytes),
        Appointments(database, ids),
    )
    labels, drafts = (
        Labels(database, ids, (states, acting.engine)),
        Drafts(database, ingest, messages, sending, ids),
    )
    enriched = enrichment.build(
        database, files, pools.files, fetch, audit, appointments, labels, doorbell, now_ms, seal, settings.enrichment,
        https_only=not settings.outbound_http.allow_private,
    )  # fmt: skip
    synced = syncing.build(
        database,
        files,
        ids,
        attachments,
        pools.files,
        ingest,
        labels,
        room,
        limits.message_bytes,
        allotments,
        syncing.Outgoing(enqueue, allowance, rules, inboxes, separator, limits.api_recipients),
        syncing.Push(seal, webhook_fetch, now_ms, settings.outbound_http.allow_private),
    )  # fmt: skip
    queue, factors = Queue(database, now_ms), Factors(database, hasher, audit, hostname, seal)
    certified = certification.build(settings, certificates, fetch, resolver, domains, now_ms)
    submission = Submission(
        inboxes, acceptance, enqueue, allowance, rules, room, ids, hostname, separator,
        hide_client=settings.smtp.hide_client_address, save_sent=settings.smtp.save_sent,
    )  # fmt: skip
    services = Services(
        access=access,
        allotments=allotments,
        repeats=Repeats(database),
        audit=audit,
        usage=Usage(database),
        agent_tokens=AgentTokens(database, ids, access, audit),
        api_keys=ApiKeys(database, ids, access, audit),
        organizations=Organizations(database, limits.messages_per_inbox_per_day),
        pods=Pods(database, ids, audit),
        inbox_keeping=InboxKeeping(database, inboxes, access, audit),
        agent_inboxes=AgentInboxes(database, inboxes, audit),
        sessions=Sessions(database, ids, hasher, throttle, factors),
        factors=factors,
        user_passwords=UserPasswords(
            database, hasher, audit, Notices(database, ingest, enqueue, ids, pools.files), hostname
        ),
        users=Users(database, ids, hasher, audit),
        bootstrap=Bootstrap(database, ids, access, domains, inboxes, hasher),
        domains=domains,
        domain_keeping=DomainKeeping(database, ids, domains, DomainChecks(resolver), audit),
        certification=certified,
        rotation=Rotation(database, keystore, pools.crypto, resolver, now_ms),
        inboxes=inboxes,
        forwards=Forwards(database, ids, rules, separator),
        forward_upkeep=ForwardUpkeep(database, local, rewriting, hostname),
        routing=routing,
        reception=Reception(
            routing, acceptance, reports, judge, room, ids, hostname, limits.received_hops, forwarding, wishes,
        ),
        submission=submission,
        local_programs=LocalPrograms(
            inboxes, submission, routing, settings.sendmail.inbox, hostname, separator, limits.message_bytes
        ),
        messages=messages,
        syncing=synced,
        threads=Threads(database),
        folders=Folders(database, ids),
        attachments=attachments,
        finding=Finding(database, messages),
        fetched_files=FetchedFiles(fetch, https_only=not settings.outbound_http.allow_private),
        drafts=drafts,
        draft_clock=DraftClock(database, drafts, doorbell, now_ms),
        agent_labels=AgentLabels(database, ids, labels),
        sending=sending,
        approvals=held,
        queue=queue,
        suppressions=Suppressions(database),
        broadcasting=broadcasting,
        notify=told,
        automation=acting,
        sieve=sieve.build(database, ids, ingest, enqueue, pools.files, doorbell, hostname, now_ms),
        rules=rules,
        content_filter=content_filter,
        sts=sts,
        reporting=reported,
        calendars=Calendars(database, ids, store.secrets["return_path"]),
        appointments=appointments,
        enrichment=enriched,
        tasks=tasks,
        agenda=Agenda(database),
        contacts=contacts,
        labels=labels,
        commitments=Commitments(database, ids),
        timeline=timeline,
        relationships=Relationships(database),
        team=shared,
        anniversaries=Anniversaries(database, ids, now_ms),
        retention=retained(
            held, shared.notes, shared.shares, attachments, timeline, told, broadcasting.broadcasts, synced.submissions
        ),
        emptying=Emptying(
            database, {Role.TRASH: settings.retention.trash_days, Role.JUNK: settings.retention.junk_days}
        ),
        health=health.build(
            settings, store, resolver, fetch, keystore, domains, queue, pools.files, certified, now_ms
        ),
        integrity=Integrity(database, files, pools.files),
        holding=Holding(store.journal, stage, files),
        rebuild=Rebuild(database, files, ingest, pools.files),
        moving=moving.build(database, files, ingest, room, ids, pools.files, limits.message_bytes, allotments),
    )  # fmt: skip
    # Whoever does something about events.
    fanout = Fanout(
        database,
        (
            told.subscriptions,
            told.agent_subscriptions,
            told.live,
            told.metering,
            acting.feed,
            ActivityFeed(timeline),
            enriched.requests,
        ),
    )
    return Assembled(
        services,
        stage,
        room,
        outcomes,
        Claims(database, owner, settings.queue.lease_seconds, now_ms),
        local,
        keystore,
        Lessons(database, files, pools.files, doorbell, now_ms),
        fanout,
        figures,
        seal,
        pools,
    )
