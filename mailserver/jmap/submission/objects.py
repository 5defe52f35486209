"""An EmailSubmission as clients see it, and as they hand it over."""

import re
import time
from collections.abc import Mapping
from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.delivery import Delivery, State
from mailserver.entities.identifiers import Kind
from mailserver.entities.submission import Submitted
from mailserver.jmap import arguments, blobs, capabilities, errors, standard
from mailserver.jmap.call import Call
from mailserver.services.syncing.submissions import Letter

PROPERTIES = (
    "id", "identityId", "emailId", "threadId", "envelope", "sendAt", "undoStatus", "deliveryStatus", "dsnBlobIds",
    "mdnBlobIds",
)  # fmt: skip
HERE = "local"  # how a delivery to one of our own inboxes went
_NOT_DELIVERED = {State.FAILED: "no", State.SUPPRESSED: "no", State.DROPPED: "no"}
_REPLIES = {
    State.SUPPRESSED: "550 5.7.1 The address is on the suppression list", State.DROPPED: "550 5.7.0 It was taken back",
}  # fmt: skip
_SECONDS = re.compile(r"[0-9]{1,9}")  # RFC 4865 5
_OF_SENDER = frozenset({"HOLDFOR", "HOLDUNTIL", "ENVID", "RET", "SIZE", "BODY", "SMTPUTF8"})
_OF_RECIPIENT = frozenset({"NOTIFY", "ORCPT"})


def shown(one: Submitted) -> dict[str, Any]:
    """Every property."""
    stored = one.submission
    return {
        "id": identifiers.encode(Kind.SUBMISSION, stored.id),
        "identityId": identifiers.encode(Kind.IDENTITY, stored.identity_id),
        "emailId": identifiers.encode(Kind.MESSAGE, stored.email_id),
        "threadId": identifiers.encode(Kind.THREAD, stored.thread_id),
        "envelope": stored.envelope,
        "sendAt": arguments.utc_date(stored.send_at),
        "undoStatus": one.status.value,
        "deliveryStatus": {each.recipient: _status(each) for each in one.deliveries} or None,
        "dsnBlobIds": [blobs.of(digest) for digest in one.reports],
        "mdnBlobIds": [],
    }


def letter(call: Call, given: Mapping[str, Any]) -> Letter:
    """What a client hands over; invalidProperties for what it cannot."""
    unknown = [name for name in given if name not in ("identityId", "emailId", "envelope")]
    if unknown:
        raise errors.SetRefused("invalidProperties", "The server says these itself, or knows them not.", unknown)
    email_id = _number(call, given, "emailId", Kind.MESSAGE)
    identity_id = _number(call, given, "identityId", Kind.IDENTITY)
    envelope = given.get("envelope")
    if envelope is None:
        return Letter(email_id, identity_id, None, None, None)
    if not isinstance(envelope, dict) or set(envelope) - {"mailFrom", "rcptTo"}:
        raise errors.invalid_property("envelope", "An envelope has mailFrom and rcptTo.")
    sender, wishes = _address(envelope.get("mailFrom"), "envelope/mailFrom", _OF_SENDER)
    recipients = envelope.get("rcptTo")
    if not isinstance(recipients, list):
        raise errors.invalid_property("envelope/rcptTo", "A list of addresses.")
    most = call.services.syncing.submissions.most_recipients
    if len(recipients) > most:
        raise errors.SetRefused("tooManyRecipients", f"At most {most:,} recipients.", maxRecipients=most)
    named = tuple(_address(each, "envelope/rcptTo", _OF_RECIPIENT) for each in recipients)
    ret = (wishes.get("RET") or "").upper() or None
    if ret not in (None, "FULL", "HDRS"):
        raise errors.invalid_property("envelope/mailFrom", "RET is FULL or HDRS.")
    return Letter(email_id, identity_id, sender, named, _hold(wishes), wishes.get("ENVID"), ret, wishes)


def _number(call: Call, given: Mapping[str, Any], name: str, kind: Kind) -> int:
    text = given.get(name)
    number = standard.number_of(kind, call.meant(text)) if isinstance(text, str) else None
    if number is None:
        raise errors.invalid_property(name, "There is none of that id.")
    return number


def _address(given: object, where: str, known: frozenset[str]) -> tuple[str, dict[str, str | None]]:
    if not isinstance(given, dict) or not isinstance(given.get("email"), str) or set(given) - {"email", "parameters"}:
        raise errors.invalid_property(where, "An object with an email, and parameters or null.")
    parameters = given.get("parameters") or {}
    if not isinstance(parameters, dict) or not all(isinstance(each, str | None) for each in parameters.values()):
        raise errors.invalid_property(where, "Parameters are strings, or null.")
    found = {name.upper(): value for name, value in parameters.items()}
    unknown = sorted(set(found) - known)
    if unknown or any(value is not None and (len(value) > 500 or not value.isprintable()) for value in found.values()):
        raise errors.invalid_property(where, f"The parameter {(unknown or ['there'])[0][:50]} cannot be used.")
    return given["email"], found


def _hold(wishes: Mapping[str, str | None]) -> int | None:
    """When it is to go out (RFC 4865), as unix milliseconds."""
    most = capabilities.MAX_DELAYED_SEND
    now = int(time.time() * 1000)
    if "HOLDFOR" in wishes:
        text = wishes["HOLDFOR"] or ""
        if "HOLDUNTIL" in wishes or not _SECONDS.fullmatch(text) or int(text) > most:
            raise errors.invalid_property("envelope/mailFrom", f"HOLDFOR is a number of seconds up to {most}.")
        return now + int(text) * 1000 if int(text) else None
    if "HOLDUNTIL" in wishes:
        until = arguments.date_ms(wishes["HOLDUNTIL"])
        if until is None or until > now + most * 1000:
            raise errors.invalid_property("envelope/mailFrom", f"HOLDUNTIL is a date at most {most} seconds ahead.")
        return until if until > now else None
    return None


def _status(delivery: Delivery) -> dict[str, str]:
    reply = delivery.last_reply or _REPLIES.get(delivery.state) or "250 2.0.0 Queued"
    return {
        "smtpReply": reply,
        "delivered": _delivered(delivery),
        "displayed": "unknown",
    }


def _delivered(delivery: Delivery) -> str:
    """Whether it lies with its recipient: of what another server has taken, nobody here can know more."""
    if delivery.state is State.DELIVERED:
        return "yes" if delivery.tls == HERE else "unknown"
    return _NOT_DELIVERED.get(delivery.state, "queued")
