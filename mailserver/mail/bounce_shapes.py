"""Bounces of programs that do not write RFC 3464 reports, and how to tell that a message may be one."""

import email
import re
from dataclasses import dataclass

from flufl.bounce import all_failures

from mailserver.mail import charset, headers, structure
from mailserver.mail.headers import Headers

MAX_LENGTH = 128 * 1024
_MAX_LINES = 3_000
_SENDER = re.compile(
    r"(?:mailer-daemon|mail-daemon|mailerdaemon|postmaster|mdaemon|mail(?:er)?|bounces?|[^@]{0,40}daemon[^@]{0,40})(?:@|\Z)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:undeliver|not delivered|non[- ]?deliver|delivery (?:status|fail|report|problem|has failed|error|notif|warning)"
    r"|fail(?:ure|ed)? (?:notice|notification|delivery|mail)|mail (?:delivery|system|error|status|failure)"
    r"|returned mail"
    r"|return(?:ed)? to sender|could(?:n't| not) (?:be delivered|deliver|send)|mail could not|message (?:status|error)"
    r"|error sending|unzustellbar|non remis|no se ha podido entregar|undelivered|bounce|user unknown|delayed mail)",
    re.IGNORECASE,
)
_CODE = re.compile(rb"(?<![\d.])([45])\d\d[ -]#?([45]\.\d{1,3}\.\d{1,3})?|\(#?([45]\.\d{1,3}\.\d{1,3})\)")
_COPY = re.compile(
    rb"^[ \t>]{0,8}-{2,80}+[^\n]{0,80}(?:copy of|original|returned|undelivered|your) ?(?:the|your|original)? ?"
    rb"(?:message|mail)[^\n]{0,100}\n",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Found:
    """A recipient that a bounce in no standard form names."""

    address: str
    action: str
    status: str
    diagnostic: str


def is_likely(head: Headers) -> bool:
    """Whether the header of a message is that of a bounce."""
    if head.count(b"x-failed-recipients") or any(value.strip() == b"<>" for value in head.all(b"return-path")):
        return True
    if b"multipart/report" in (head.first(b"content-type") or b"").lower():
        return True
    senders = [person.address for person in headers.people(head.first(b"from"))]
    return any(_SENDER.match(each) for each in senders) or _SUBJECT.search(head.text(b"subject")[:500]) is not None


def find(raw: bytes, head: Headers) -> tuple[Found, ...]:
    """Find who could not be reached. Only the first 128 KB are looked at."""
    raw = raw[:MAX_LENGTH]
    _, start = headers.split(raw)
    if raw.count(b"\n") > _MAX_LINES:
        raw = b"\n".join(raw.split(b"\n", _MAX_LINES)[:_MAX_LINES])
    tree = structure.read(raw, head, start)
    if tree.error is not None and "20 levels" in tree.error:
        return ()
    named = head.text(b"x-failed-recipients")  # Exim
    if named:
        return tuple([_found(raw, each.strip(), "failed") for each in named.split(",")[:100]])
    temporary, permanent = _detected(raw, head)
    return tuple(
        [_found(raw, each, "failed") for each in permanent]
        + [_found(raw, each, "delayed") for each in temporary if each not in permanent]
    )


def _detected(raw: bytes, head: Headers) -> tuple[tuple[str, ...], tuple[str, ...]]:
    message = email.message_from_bytes(raw)
    senders = headers.people(head.first(b"from"))
    del message["From"]  # the library stumbles over a From without an address, and logs that at length
    message["From"] = senders[0].address if senders and senders[0].address.isascii() else "unknown@invalid"
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 - the library reads strangers' text with whatever errors its parsers have
        return (), ()
    return tuple(map(_plain, sorted(temporary))), tuple(map(_plain, sorted(permanent)))


def _plain(found: bytes) -> str:
    return charset.guess(found).strip().removeprefix("<").removesuffix(">").strip()


def _found(raw: bytes, address: str, action: str) -> Found:
    """Look behind the address for the answer that its server gave."""
    place = raw.find(address.encode("utf-8", "replace"))
    near = raw[place : place + 1_000] if place >= 0 and address else b""
    code = _CODE.search(near)
    if code is None:
        return Found(address, action, "", "")
    status = (code[2] or code[3] or code[1] + b".0.0").decode("ascii")
    if action == "failed" and status.startswith("4"):
        status = ""
    line_end = near.find(b"\n", code.start())
    line = near[code.start() : line_end if line_end >= 0 else len(near)]
    return Found(address, action, status, charset.guess(line).strip()[:500])


def copy_in_text(raw: bytes, start: int) -> Headers | None:
    """Find the header of the original that a bounce quotes in its text."""
    border = _COPY.search(raw[:MAX_LENGTH], start)
    if border is None:
        return None
    head, _ = headers.split(raw[border.end() : border.end() + MAX_LENGTH].lstrip(b" \t\r\n"))
    return head if head.count(b"message-id") or head.count(b"from") else None
