"""ESMTP parameters of MAIL and RCPT: SIZE, BODY, SMTPUTF8, REQUIRETLS, DSN's four, AUTH, wishes (RFC 5321 4.1.2)."""

import re
from dataclasses import dataclass
from typing import Any

from mailserver.mail.envelope import DeliverBy
from mailserver.smtp import wishes

LONGEST_ENVID = 100  # RFC 3461 4.4
LONGEST_ORCPT = 500  # RFC 3461 4.2
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SIZE = re.compile(r"[0-9]{1,20}")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 4
_HEX = re.compile(r"\+([0-9A-F]{2})")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_UNITEXT = re.compile(r"(?:[!-*,-<>-\[\]-~]|\\x\{[0-9A-F]{1,6}\}|\+[0-9A-F]{2}|[^\x00-\x7f])+")  # RFC 6533 3
_BODIES = ("7BIT", "8BITMIME", "BINARYMIME")
_NOTIFICATIONS = ("SUCCESS", "FAILURE", "DELAY")


class ParameterUnknown(ValueError):
    """A keyword that was not offered: 555."""


class ParameterMalformed(ValueError):
    """A keyword given twice, or a value that cannot be read: 501."""


@dataclass(frozen=True, slots=True)
class MailParameters:
    """What MAIL said beside the address."""

    size: int | None = None
    body: str = "7BIT"
    smtputf8: bool = False
    require_tls: bool = False
    ret: str | None = None
    envid: str | None = None
    release_at: int | None = None
    deliver_by: DeliverBy | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class RecipientParameters:
    """What RCPT said beside the address; `orcpt` is as it was received."""

    notify: str | None = None
    orcpt: str | None = None


PLAIN_MAIL = MailParameters()
PLAIN_RECIPIENT = RecipientParameters()


def mail(text: str, *, tls: bool, auth: bool, wished_at: int | None = None) -> MailParameters:
    """Read the parameters of MAIL; REQUIRETLS and AUTH are only known where they were offered.

    So are the wishes of submissions: where they are, `wished_at` is the time now in unix milliseconds.
    """
    size: int | None = None
    body = "7BIT"
    smtputf8 = require_tls = False
    ret: str | None = None
    envid: str | None = None
    wished: dict[str, str | None] = {}
    for keyword, value in _pairs(text).items():
        if keyword == "SIZE":
            size = _size(value)
        elif keyword == "BODY":
            body = _one_of(value, _BODIES)
        elif keyword == "SMTPUTF8":
            smtputf8 = _flag(value)
        elif keyword == "REQUIRETLS" and tls:
            require_tls = _flag(value)
        elif keyword == "RET":
            ret = _one_of(value, ("FULL", "HDRS"))
        elif keyword == "ENVID":
            envid = _envelope_id(value)
        elif keyword == "AUTH" and auth:
            _xtext(value)  # RFC 4954 5: taken from anyone, believed from nobody
        elif keyword in wishes.KEYWORDS and wished_at is not None:
            wished[keyword] = value
        else:
            raise ParameterUnknown(keyword)
    more = _wishes(wished, wished_at) if wished and wished_at is not None else {}
    return MailParameters(size, body, smtputf8, require_tls, ret, envid, **more)


def recipient(text: str) -> RecipientParameters:
    """Read the parameters of RCPT (RFC 3461 4.1, 4.2)."""
    notify: str | None = None
    orcpt: str | None = None
    for keyword, value in _pairs(text).items():
        if keyword == "NOTIFY":
            notify = _notify(value)
        elif keyword == "ORCPT":
            orcpt = _original_recipient(value)
        else:
            raise ParameterUnknown(keyword)
    return RecipientParameters(notify, orcpt)


def _wishes(wished: dict[str, str | None], now: int) -> dict[str, Any]:
    """Read the wishes of a submission as fields of MailParameters."""
    if "HOLDFOR" in wished and "HOLDUNTIL" in wished:  # RFC 4865 4: one of them
        raise ParameterMalformed(wished)
    found: dict[str, Any] = {}
    try:
        for keyword, value in wished.items():
            if keyword == "HOLDFOR":
                found["release_at"] = wishes.hold_for(value, now)
            elif keyword == "HOLDUNTIL":
                found["release_at"] = wishes.hold_until(value)
            elif keyword == "BY":
                found["deliver_by"] = wishes.by(value, now)
            else:
                found["priority"] = wishes.priority(value)
    except wishes.WishMalformed as error:
        raise ParameterMalformed(error) from error
    return found


def _pairs(text: str) -> dict[str, str | None]:
    pairs: dict[str, str | None] = {}
    for word in text.split():
        keyword, equals, value = word.partition("=")
        if not _KEYWORD.fullmatch(keyword) or (equals and not value):
            raise ParameterMalformed(word)
        keyword = keyword.upper()
        if keyword in pairs:
            raise ParameterMalformed(word)
        pairs[keyword] = value if equals else None
    return pairs


def _flag(value: str | None) -> bool:
    if value is not None:
        raise ParameterMalformed(value)
    return True


def _size(value: str | None) -> int:
    if value is None or not _SIZE.fullmatch(value):
        raise ParameterMalformed(value)
    return int(value)


def _one_of(value: str | None, words: tuple[str, ...]) -> str:
    word = (value or "").upper()
    if word not in words:
        raise ParameterMalformed(value)
    return word


def _xtext(value: str | None) -> str:
    if value is None or not _XTEXT.fullmatch(value):
        raise ParameterMalformed(value)
    return value


def _envelope_id(value: str | None) -> str:
    text = _xtext(value)
    if len(text) > LONGEST_ENVID or not _decoded(text).isprintable():
        raise ParameterMalformed(value)
    return text


def _notify(value: str | None) -> str:
    words = (value or "").upper().split(",")
    if words == ["NEVER"]:
        return "NEVER"
    if len(set(words)) != len(words) or any(word not in _NOTIFICATIONS for word in words):
        raise ParameterMalformed(value)
    return ",".join(words)


def _original_recipient(value: str | None) -> str:
    text = value or ""
    kind, semicolon, original = text.partition(";")
    if len(text) > LONGEST_ORCPT or not semicolon or not original or not _ADDRESS_TYPE.fullmatch(kind):
        raise ParameterMalformed(value)
    if kind.lower() == "utf-8":
        if not _UNITEXT.fullmatch(original):
            raise ParameterMalformed(value)
    elif not _XTEXT.fullmatch(original) or not _decoded(original).isprintable():
        raise ParameterMalformed(value)
    return text


def _decoded(xtext: str) -> str:
    return _HEX.sub(lambda found: chr(int(found[1], 16)), xtext)
