"""Services: one typed field per service, built by app."""

from dataclasses import dataclass

from mailserver.services.accounts.access import Access
from mailserver.services.accounts.agent_inboxes import AgentInboxes
from mailserver.services.accounts.agent_tokens import AgentTokens
from mailserver.services.accounts.allotments import Allotments
from mailserver.services.accounts.api_keys import ApiKeys
from mailserver.services.accounts.audit import Audit
from mailserver.services.accounts.bootstrap import Bootstrap
from mailserver.services.accounts.domain_keeping import DomainKeeping
from mailserver.services.accounts.domains import Domains
from mailserver.services.accounts.factors import Factors
from mailserver.services.accounts.forwarding import Forwards
from mailserver.services.accounts.inbox_keeping import InboxKeeping
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.accounts.organizations import Organizations
from mailserver.services.accounts.pods import Pods
from mailserver.services.accounts.repeats import Repeats
from mailserver.services.accounts.rotation import Rotation
from mailserver.services.accounts.sessions import Sessions
from mailserver.services.accounts.usage import Usage
from mailserver.services.accounts.user_passwords import UserPasswords
from mailserver.services.accounts.users import Users
from mailserver.services.automation.assembly import Automation
from mailserver.services.broadcast.assembly import Broadcasting
from mailserver.services.certification.assembly import Certification
from mailserver.services.enrichment.assembly import Enrichment
from mailserver.services.filtering.filter import Filter
from mailserver.services.filtering.rules import Rules
from mailserver.services.health.assembly import HealthCare
from mailserver.services.inbound.forward_upkeep import ForwardUpkeep
from mailserver.services.inbound.receive import Reception
from mailserver.services.inbound.routing import Routing
from mailserver.services.mailbox.attachments import Attachments
from mailserver.services.mailbox.emptying import Emptying
from mailserver.services.mailbox.finding import Finding
from mailserver.services.mailbox.folders import Folders
from mailserver.services.mailbox.holding import Holding
from mailserver.services.mailbox.integrity import Integrity
from mailserver.services.mailbox.messages import Messages
from mailserver.services.mailbox.rebuild import Rebuild
from mailserver.services.mailbox.threads import Threads
from mailserver.services.moving.assembly import Moving
from mailserver.services.notify.assembly import Notify
from mailserver.services.outbound.approvals import Approvals
from mailserver.services.outbound.draft_clock import DraftClock
from mailserver.services.outbound.drafts import Drafts
from mailserver.services.outbound.fetched_files import FetchedFiles
from mailserver.services.outbound.local_programs import LocalPrograms
from mailserver.services.outbound.queue import Queue
from mailserver.services.outbound.send import Sending
from mailserver.services.outbound.submission import Submission
from mailserver.services.outbound.suppressions import Suppressions
from mailserver.services.outbound.transport import StsPolicies
from mailserver.services.reporting.assembly import Reporting
from mailserver.services.retention import Retention
from mailserver.services.sieve.assembly import Sieve
from mailserver.services.syncing.assembly import Syncing
from mailserver.services.team.assembly import Team
from mailserver.services.workspace.activity import Timeline
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


@dataclass(frozen=True, slots=True)
class Services:
    """What the faces and the command line may call."""

    access: Access
    allotments: Allotments
    repeats: Repeats
    audit: Audit
    usage: Usage
    agent_tokens: AgentTokens
    api_keys: ApiKeys
    organizations: Organizations
    pods: Pods
    inbox_keeping: InboxKeeping
    sessions: Sessions
    factors: Factors
    user_passwords: UserPasswords
    users: Users
    bootstrap: Bootstrap
    domains: Domains
    domain_keeping: DomainKeeping
    certification: Certification
    rotation: Rotation
    inboxes: Inboxes
    forwards: Forwards
    forward_upkeep: ForwardUpkeep
    routing: Routing
    reception: Reception
    submission: Submission
    local_programs: LocalPrograms
    messages: Messages
    syncing: Syncing
    threads: Threads
    folders: Folders
    attachments: Attachments
    finding: Finding
    fetched_files: FetchedFiles
    drafts: Drafts
    draft_clock: DraftClock
    agent_inboxes: AgentInboxes
    agent_labels: AgentLabels
    sending: Sending
    approvals: Approvals
    queue: Queue
    suppressions: Suppressions
    broadcasting: Broadcasting
    notify: Notify
    automation: Automation
    sieve: Sieve
    rules: Rules
    content_filter: Filter | None
    sts: StsPolicies
    reporting: Reporting
    calendars: Calendars
    appointments: Appointments
    enrichment: Enrichment
    tasks: Tasks
    agenda: Agenda
    contacts: Contacts
    labels: Labels
    commitments: Commitments
    timeline: Timeline
    relationships: Relationships
    team: Team
    anniversaries: Anniversaries
    retention: Retention
    emptying: Emptying
    health: HealthCare
    integrity: Integrity
    holding: Holding
    rebuild: Rebuild
    moving: Moving
