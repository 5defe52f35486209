"""Everything about clients that keep copies, built once."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from mailserver.entities.identifiers import IdSource
from mailserver.fetch import Fetch
from mailserver.services.accounts.allotments import Allotments
from mailserver.services.accounts.inboxes import Inboxes
from mailserver.services.accounts.seal import Seal
from mailserver.services.mailbox.ingest import Ingest
from mailserver.services.outbound.allowance import Allowance
from mailserver.services.outbound.enqueue import Enqueue
from mailserver.services.outbound.senders import SendLists
from mailserver.services.syncing.blobs import Blobs, Uploads
from mailserver.services.syncing.changes import Changes
from mailserver.services.syncing.email_setting import EmailSetting, Room
from mailserver.services.syncing.emails import Emails
from mailserver.services.syncing.identities import Identities
from mailserver.services.syncing.mailboxes import Mailboxes
from mailserver.services.syncing.push_posting import PushPosting
from mailserver.services.syncing.push_subscriptions import PushSubscriptions
from mailserver.services.syncing.queries import Queries
from mailserver.services.syncing.quotas import Quotas
from mailserver.services.syncing.state_changes import StateChanges
from mailserver.services.syncing.submissions import Submissions
from mailserver.services.workspace.labels import Labels
from mailserver.storage.database import Database
from mailserver.storage.files import MessageFiles


@dataclass(frozen=True, slots=True)
class Syncing:
    """The services of clients that keep copies."""

    changes: Changes
    mailboxes: Mailboxes
    emails: Emails
    blobs: Blobs
    queries: Queries
    email_setting: EmailSetting
    quotas: Quotas
    identities: Identities
    submissions: Submissions
    state_changes: StateChanges
    push_subscriptions: PushSubscriptions
    push_posting: PushPosting


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What mail passes that a client hands over."""

    enqueue: Enqueue
    allowance: Allowance
    lists: SendLists
    inboxes: Inboxes
    separator: str
    most_recipients: int


@dataclass(frozen=True, slots=True)
class Push:
    """What is needed to tell clients by way of push services."""

    seal: Seal
    fetch: Fetch
    clock: Callable[[], int]
    allow_private: bool


def build(
    database: Database,
    message_files: MessageFiles,
    ids: IdSource,
    uploads: Uploads,
    files: Executor,
    ingest: Ingest,
    labels: Labels,
    room: Room,
    message_bytes: int,
    allotments: Allotments,
    outgoing: Outgoing,
    push: Push,
) -> Syncing:
    """Build them."""
    return Syncing(
        Changes(database),
        Mailboxes(database, ids),
        Emails(database, message_files, files),
        Blobs(database, message_files, uploads, files),
        Queries(database, message_files, files),
        EmailSetting(database, ingest, labels, room, ids, message_bytes, allotments),
        Quotas(database, allotments),
        Identities(database, outgoing.inboxes, ids, outgoing.separator),
        Submissions(
            database,
            message_files,
            files,
            ingest,
            outgoing.inboxes,
            outgoing.enqueue,
            outgoing.allowance,
            outgoing.lists,
            ids,
            outgoing.separator,
            outgoing.most_recipients,
        ),
        StateChanges(database),
        PushSubscriptions(database, ids, push.seal, push.fetch, push.clock, allow_private=push.allow_private),
        PushPosting(push.fetch, allow_private=push.allow_private),
    )
