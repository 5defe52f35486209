"""Answering while nobody is there: vacation (RFC 5230, RFC 6131)."""

import hashlib

from mailserver.mail import address
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.result import Vacation
from mailserver.mail.sieve.signature import Arguments, Kind, Option, Signature

DAY_SECONDS = 86_400
LEAST_SECONDS = 60  # RFC 6131 2: a site has its own least; a loop of two responders must end
MOST_SECONDS = 365 * DAY_SECONDS
DEFAULT_DAYS = 7
LONGEST_REASON = 64 << 10
LONGEST_SUBJECT = 500
MOST_ADDRESSES = 100


def _complaint(arguments: Arguments) -> str:
    if len(arguments.texts("addresses")) > MOST_ADDRESSES:
        return f"{MOST_ADDRESSES} addresses at most."
    sender = arguments.text("from")
    if sender and "${" not in sender:
        try:
            address.parse(_bare(sender))
        except address.AddressError as error:
            return f"{sender[:80]!r} is not an address. {error}"
    return ""


VACATION = Signature(
    "vacation", (Kind.TEXT,), "vacation",
    {
        "days": Option(Kind.NUMBER, group="period"), "seconds": Option(Kind.NUMBER, "vacation-seconds", "period"),
        "subject": Option(Kind.TEXT), "from": Option(Kind.TEXT), "addresses": Option(Kind.TEXTS), "mime": Option(),
        "handle": Option(Kind.TEXT),
    },
    complaint=_complaint,
)  # fmt: skip


def vacation(machine: Machine, arguments: Arguments) -> None:
    """Answer the sender, once in a period."""
    reason = machine.text(arguments.text(0))[:LONGEST_REASON]
    subject = " ".join(machine.text(arguments.text("subject")).split())[:LONGEST_SUBJECT]
    sender = _bare(machine.text(arguments.text("from")))
    # RFC 5230 4.2: without a handle, answers that differ are counted apart.
    handle = machine.text(arguments.text("handle")) or "\0".join(
        (reason, arguments.text("subject"), sender, str(arguments.has("mime")))
    )
    machine.answer(
        Vacation(
            reason, _seconds(arguments), subject, sender,
            tuple(machine.texts(arguments.texts("addresses"))), arguments.has("mime"),
            hashlib.sha256(handle.encode("utf-8", "replace")).hexdigest()[:32],
        )
    )  # fmt: skip


def _seconds(arguments: Arguments) -> int:
    seconds = arguments.number("seconds")
    if seconds is not None:
        return min(max(seconds, LEAST_SECONDS), MOST_SECONDS)
    days = arguments.number("days")
    return min(max(DEFAULT_DAYS if days is None else days, 1) * DAY_SECONDS, MOST_SECONDS)


def _bare(text: str) -> str:
    """The address out of `Name <address>`."""
    text = text.strip()
    return text[text.rfind("<") + 1 : -1].strip() if text.endswith(">") and "<" in text else text
