"""One recipient of one queued message: attempts and outcome."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.mail.reply import Reply


class State(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"  # due at next_attempt_at
    HELD = "held"  # waits for `mailserver queue release`
    DELIVERED = "delivered"
    FAILED = "failed"  # for good; a report was sent where one is due
    SUPPRESSED = "suppressed"  # never tried: the address is on the suppression list
    DROPPED = "dropped"  # taken out by the operator


class FailureKind(StrEnum):
    """Why a recipient failed for good."""

    REFUSED = "refused"  # a 5xx from the remote server
    POLICY = "policy"  # 5.7.x
    NO_ROUTE = "no_route"  # null MX, no such domain, loops to ourselves
    UNSUPPORTED = "unsupported"  # the peer lacks an extension that the message needs
    EXPIRED = "expired"  # retries are used up
    REPORTED = "reported"  # a report came back after the remote server had accepted it


@dataclass(frozen=True, slots=True)
class Delivered:
    """The remote server answered 2xx for this recipient."""

    at: int
    host: str
    reply: Reply
    tls: str = "none"  # the recorded verdict: none, unverified TLSv1.3, verified TLSv1.3 …


@dataclass(frozen=True, slots=True)
class Deferred:
    """It did not work this time."""

    at: int
    reply: Reply
    host: str = ""
    whole_destination: bool = False  # the host, not this recipient, said no: slow the destination down
    until: int | None = None  # when the next attempt is due
    tls: str = "none"


@dataclass(frozen=True, slots=True)
class Failed:
    """It will never work."""

    at: int
    kind: FailureKind
    reply: Reply
    host: str = ""
    tls: str = "none"


Outcome = Delivered | Deferred | Failed
FORWARD = "forward"  # others' mail that an inbox passes on
OWN_FORWARD = "own_forward"  # mail of our own users that an inbox passes on: it is signed as theirs
BROADCAST = "broadcast"  # one of many personal messages; its `envid` names the broadcast
BOUNCE = "bounce"  # a report that goes back to the sender of a forwarded message
AUTO_ANSWER = "auto_answer"  # an absence notice or a refusal that the server writes: nobody is known for it


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """What all recipients of one submission share. `location` is the file below the mail directory."""

    id: int
    tenant_id: int
    inbox_id: int
    message_id: int | None  # the copy in Sent, where there is one
    thread_id: int | None
    header_id: str  # Message-ID
    subject: str
    sender: str  # address reports go to; '' for the null sender
    domain: str  # signing domain
    location: str
    size: int
    eight_bit: bool
    smtputf8: bool
    require_tls: bool
    ret: str | None  # RFC 3461 4.3: FULL or HDRS
    envid: str | None
    source: str  # api, submission, bounce, list, forward, own_forward
    created_at: int
    expires_at: int
    forwarded_by: str | None = None  # the address, of an inbox or alias, that passes it on
    release_at: int | None = None  # RFC 4865: not tried before
    by_at: int | None = None  # RFC 2852: wanted by then
    by_mode: str | None = None  # R: given up then; N: the sender is told; with T behind it every relay is told

    @property
    def queue_id(self) -> str:
        """The id that its whole story has: that of the copy in Sent, which its trace names, or its own."""
        if self.message_id is not None:
            return identifiers.encode(Kind.MESSAGE, self.message_id)
        return identifiers.encode(Kind.QUEUED, self.id)

    @property
    def is_passed_on(self) -> bool:
        """Whether it is others' mail on its way through: what becomes of it is not the inbox's own doing."""
        return self.source in (FORWARD, OWN_FORWARD, BOUNCE)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recipient of a queued message. Times are unix milliseconds."""

    id: int
    queued_id: int
    tenant_id: int
    inbox_id: int
    recipient: str
    domain: str  # the recipient's, A-label: the destination that limits are kept for
    state: State
    notify: str | None  # RFC 3461 4.1
    orcpt: str | None
    attempts: int
    next_attempt_at: int
    created_at: int
    finished_at: int | None = None
    last_reply: str | None = None
    last_host: str | None = None
    tls: str | None = None
    delay_notified: bool = False
    priority: int = 0  # RFC 6710: -9 to 9
    by_notified: bool = False  # the sender knows that `by_at` has passed


@dataclass(frozen=True, slots=True)
class Job:
    """Some recipients of one queued message, in the hands of one worker."""

    message: QueuedMessage
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """Due mail of one tenant to one destination, and since when its oldest waits."""

    domain: str
    tenant_id: int
    due_at: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as the operator sees it. `result` is delivered, deferred or failed."""

    delivery_id: int
    started_at: int
    finished_at: int
    host: str
    reply: str
    tls: str
    result: str
