"""Who gets an answer that nobody wrote, and what it says (RFC 5230 4, RFC 3834 2, RFC 8621 8)."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import orjson

from mailserver.entities.inbox import Inbox
from mailserver.entities.sieve import VacationResponse
from mailserver.mail import address as addresses
from mailserver.mail import auto, headers
from mailserver.mail.address import Address, AddressError
from mailserver.mail.envelope import Envelope
from mailserver.mail.headers import Headers
from mailserver.mail.sieve.result import Vacation

DAY_SECONDS = 86_400
RESPONSE_SECONDS = 7 * DAY_SECONDS  # RFC 8621 8 leaves the period to the server; that of RFC 5230 4.1
DEFAULT_TEXT = "I am away for now and will read your message when I am back."
LARGEST_HEAD = 16 << 10  # of a refused message that goes back
LAST_REFERENCES = 20
_NAMED_IN = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")  # RFC 5230 4.5


@dataclass(frozen=True, slots=True)
class Occasion:
    """What there is to answer to. `own` are the inbox's addresses in normal form."""

    envelope: Envelope
    head: Headers
    inbox: Inbox
    own: frozenset[str]
    separator: str
    is_doubtful: bool  # whether the sender is very likely not who it says
    is_passing: bool = False  # whether the inbox has had the message, and it only goes on
    had_by: frozenset[str] = frozenset()  # addresses that have had it, besides those in Delivered-To


@dataclass(frozen=True, slots=True)
class Letter:
    """An answer to be written; kept as JSON until it is. `handle` is '' for one that is not counted."""

    kind: str  # absence or refusal
    to: str
    sender: str
    subject: str = ""
    text: str | None = None
    html: str | None = None
    is_mime: bool = False
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    handle: str = ""
    seconds: int = 0
    original: str = ""
    recipient: str = ""

    def as_json(self) -> str:
        """The letter as it is kept."""
        return orjson.dumps(asdict(self)).decode()


def read(text: str) -> Letter:
    """Read what `as_json` has written."""
    found = orjson.loads(text)
    return Letter(**{**found, "references": tuple(found["references"])})


def why_not(occasion: Occasion, further: Iterable[str] = ()) -> str:
    """Why a message gets no absence notice; '' where it may."""
    sender = occasion.envelope.sender
    if sender is None:
        return "It has the null sender."
    if auto.is_robot(str(sender)):
        return "Its sender is a program."
    if occasion.is_doubtful:
        return "Its sender may be forged."
    if _is_own(sender, occasion):
        return "The inbox wrote it."
    reason = auto.reason(occasion.head)
    if reason is not None:
        return reason
    return "" if _is_named(occasion, further) else "It is not addressed to the person."


def absence(occasion: Occasion, recipient: str, vacation: Vacation) -> Letter:
    """What a script answers."""
    sender = occasion.inbox.address
    try:
        if vacation.sender and _is_own(addresses.parse(vacation.sender), occasion):
            sender = vacation.sender
    except AddressError:
        pass  # RFC 5230 4.3: a :from that cannot be used is as none
    return _letter(
        occasion, recipient, sender, vacation.subject, vacation.reason, None, f"script {vacation.handle}",
        vacation.seconds, is_mime=vacation.is_mime,
    )  # fmt: skip


def response(occasion: Occasion, recipient: str, chosen: VacationResponse) -> Letter:
    """What the notice of an inbox answers."""
    text = chosen.text
    if text is None and chosen.html is None:
        text = DEFAULT_TEXT
    words = "\0".join((chosen.subject or "", chosen.text or "", chosen.html or "", str(chosen.from_at)))
    handle = hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:32]
    return _letter(
        occasion, recipient, occasion.inbox.address, chosen.subject or "", text, chosen.html, f"notice {handle}",
        RESPONSE_SECONDS,
    )  # fmt: skip


def refusal(occasion: Occasion, recipient: str, reason: str, block: bytes) -> Letter | None:
    """What tells the sender of a message that others got that this inbox refuses it; None for nobody to tell."""
    sender = occasion.envelope.sender
    if sender is None or occasion.is_doubtful or auto.is_automatic(occasion.head):
        return None
    domain = occasion.inbox.address.rpartition("@")[2]
    return Letter(
        "refusal", str(sender), f"postmaster@{domain}", text=reason, original=block[:LARGEST_HEAD].decode("latin-1"),
        recipient=recipient,
    )  # fmt: skip


def _letter(
    occasion: Occasion, recipient: str, sender: str, subject: str, text: str | None, html: str | None, handle: str,
    seconds: int, *, is_mime: bool = False,
) -> Letter:  # fmt: skip
    head = occasion.head
    ids = headers.message_ids(head.first("message-id"))
    ancestors = headers.message_ids(head.first("references")) or headers.message_ids(head.first("in-reply-to"))[:1]
    if not subject:
        words = "".join(letter if letter.isprintable() else " " for letter in head.text("subject"))
        subject = f"Auto: {words[:400]}".strip()
    return Letter(
        "absence", str(occasion.envelope.sender), sender, subject, text, html, is_mime, ids[0] if ids else None,
        tuple(dict.fromkeys((*ancestors, *ids)))[-LAST_REFERENCES:], handle, seconds, recipient=recipient,
    )  # fmt: skip


def _is_own(address: Address, occasion: Occasion) -> bool:
    return address.normal in occasion.own or address.without_tag(occasion.separator).normal in occasion.own


def _is_named(occasion: Occasion, further: Iterable[str]) -> bool:
    """Whether a field of the message names the person."""
    names = set(occasion.own)
    for text in further:
        names.add(_normal(text) or text.lower())
    for field in _NAMED_IN:
        for value in occasion.head.all(field):
            for person in headers.people(value):
                normal = _normal(person.address)
                if normal is not None and (normal in names or _normal(person.address, occasion.separator) in names):
                    return True
    return False


def _normal(text: str, separator: str = "") -> str | None:
    try:
        address = addresses.parse(text)
    except AddressError:
        return None
    return (address.without_tag(separator) if separator else address).normal
