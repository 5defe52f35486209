"""What the inboxes of a team do with one another, built once."""

from dataclasses import dataclass

from mailserver.entities.identifiers import IdSource
from mailserver.services.accounts.audit import Audit
from mailserver.services.automation.engine import WorkflowEngine
from mailserver.services.outbound.approvals import Approvals
from mailserver.services.outbound.send import Sending
from mailserver.services.team.copying import Copying
from mailserver.services.team.distribution_lists import DistributionLists
from mailserver.services.team.forks import Forks
from mailserver.services.team.handoffs import Handoffs
from mailserver.services.team.links import Links
from mailserver.services.team.notes import Notes
from mailserver.services.team.shares import Shares
from mailserver.services.team.templates import Templates
from mailserver.services.team.ticket_states import TicketStates
from mailserver.services.team.tickets import Tickets
from mailserver.services.workspace.activity import Timeline
from mailserver.services.workspace.contacts import Contacts
from mailserver.services.workspace.tasks import Tasks
from mailserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Threads:
    """What hangs on threads, which mail that arrives and is sent moves too."""

    states: TicketStates
    notes: Notes
    links: Links
    rules: WorkflowEngine


@dataclass(frozen=True, slots=True)
class Team:
    """The services of inboxes that deal with one another."""

    tickets: Tickets
    notes: Notes
    links: Links
    forks: Forks
    shares: Shares
    handoffs: Handoffs
    templates: Templates
    distribution_lists: DistributionLists


def threads(database: Database, ids: IdSource, tasks: Tasks, states: TicketStates, rules: WorkflowEngine) -> Threads:
    """The first half, which storing and sending need."""
    notes = Notes(database, ids, tasks)
    return Threads(states, notes, Links(database, states, notes, rules), rules)


def build(
    database: Database,
    ids: IdSource,
    audit: Audit,
    tasks: Tasks,
    hanging: Threads,
    contacts: Contacts,
    timeline: Timeline,
    sending: Sending,
    approvals: Approvals,
) -> Team:
    """The whole, once there is something to send by."""
    copying = Copying(ids, contacts, timeline)
    return Team(
        tickets=Tickets(database, hanging.states, hanging.notes, hanging.rules),
        notes=hanging.notes,
        links=hanging.links,
        forks=Forks(database, sending, approvals),
        shares=Shares(database, ids, tasks, copying),
        handoffs=Handoffs(database, ids, tasks, copying),
        templates=Templates(database, ids, audit),
        distribution_lists=DistributionLists(database, ids, audit),
    )
