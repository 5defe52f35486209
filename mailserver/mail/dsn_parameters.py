"""What a sender wants to be told, from its plain meaning to the parameters of SMTP (RFC 3461 4)."""

import re

LONGEST_ENVID = 100  # characters on the wire (RFC 3461 4.4)
LONGEST_ORCPT = 500  # (RFC 3461 4.2)
_NOTIFICATIONS = frozenset({"SUCCESS", "FAILURE", "DELAY"})
_TYPE = re.compile(r"[A-Za-z0-9-]{1,40}")
_PLAIN = re.compile(r"[!-*,-<>-~]")  # what xtext leaves as it is


class BadParameter(ValueError):
    """No such wish can be passed on."""


def envelope_id(text: str) -> str:
    """ENVID for a name that the sender has for the message."""
    return _within(_xtext(text), LONGEST_ENVID)


def original_recipient(text: str) -> str:
    """ORCPT for an address with its type before a semicolon."""
    kind, semicolon, original = text.partition(";")
    if not semicolon or not original or not _TYPE.fullmatch(kind):
        raise BadParameter("ORCPT is a type and an address, with a semicolon between them.")
    return _within(f"{kind};{_xtext(original)}", LONGEST_ORCPT)


def notify(text: str) -> str:
    """NOTIFY: NEVER, or some of SUCCESS, FAILURE and DELAY."""
    words = text.upper().split(",")
    if words != ["NEVER"] and (len(set(words)) != len(words) or not set(words) <= _NOTIFICATIONS):
        raise BadParameter("NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY.")
    return ",".join(words)


def _xtext(text: str) -> str:
    """Printable ASCII so that no character of it ends a parameter (RFC 3461 4)."""
    if not (text.isascii() and text.isprintable() and text):
        raise BadParameter("It has other characters than printable ones of ASCII.")
    return "".join(each if _PLAIN.fullmatch(each) else f"+{ord(each):02X}" for each in text)


def _within(text: str, most: int) -> str:
    if len(text) > most:
        raise BadParameter(f"It has more than {most} characters.")
    return text
