"""Received, Return-Path and Delivered-To lines (RFC 5321 4.4)."""

import re

from mailserver.mail import dates
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope, Peer
from mailserver.mail.headers import Headers

MAX_HELO = 255  # RFC 5321 4.5.3.1.2
LONGEST_LINE = 900  # of a stretched block; RFC 5322 2.1.1 allows 998
_STRANGE = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_NOT_PATH = re.compile(r"[\x00-\x20\x7f<>]")
_NOT_WORD = re.compile(r"[^A-Za-z0-9._-]")


def received(
    *, envelope: Envelope, by: str, id: str, at: float, hide_client: bool = False, for_: str | None = None  # noqa: A002 - the word of the field
) -> bytes:  # fmt: skip
    """Write the Received field of a message that comes in. What the client says of itself is made harmless."""
    peer = envelope.peer
    first = "" if hide_client else f"from {_helo(peer)} ({_literal(peer.address)}){_tls(peer)}\r\n\t"
    lines = f"Received: {first}by {_word(by)} with {envelope.protocol} id {_word(id)}"
    if for_ and not _NOT_PATH.search(for_) and (for_.isascii() or envelope.smtputf8):
        lines += f"\r\n\tfor <{for_}>"
    return f"{lines};\r\n\t{dates.write(int(at))}\r\n".encode("utf-8", "replace")


def return_path(sender: Address | None) -> bytes:
    """Write the Return-Path field of final delivery; `<>` for the null sender."""
    text = "" if sender is None else _NOT_PATH.sub("?", str(sender))
    return f"Return-Path: <{text}>\r\n".encode("utf-8", "replace")


def delivered_to(address: Address | str) -> bytes:
    """Write the Delivered-To field that stops loops."""
    return f"Delivered-To: {_NOT_PATH.sub('?', str(address))}\r\n".encode("utf-8", "replace")


def stretched(block: bytes, size: int) -> bytes | None:
    """Fill a header block to so many octets with blanks where its lines are folded; None where that cannot be.

    Room for a block whose length is not known yet can so be left in a file (RFC 5322 2.2.3).
    """
    missing = size - len(block)
    if missing < 0:
        return None
    lines = block.split(b"\r\n")
    for index, line in enumerate(lines):
        if missing and line[:1] in (b"\t", b" "):
            blanks = min(missing, LONGEST_LINE - len(line))
            lines[index] = line[:1] + b" " * max(blanks, 0) + line[1:]
            missing -= max(blanks, 0)
    return None if missing else b"\r\n".join(lines)


def may_loop(raw: bytes, most_hops: int) -> bool:
    """Whether the header may name so many hops, or an earlier delivery, that its fields are worth looking at."""
    end = raw.find(b"\r\n\r\n")
    block = (raw if end < 0 else raw[:end]).lower()
    return block.count(b"received") > most_hops or b"delivered-to" in block


def hops(head: Headers) -> int:
    """How many servers say that they have had the message (RFC 5321 6.3)."""
    return head.count(b"received")


def delivered_to_addresses(head: Headers) -> set[str]:
    """The addresses that the message was already delivered to, in lower case."""
    return {value.strip().strip(b"<>").decode("utf-8", "replace").lower() for value in head.all(b"delivered-to")}


def _helo(peer: Peer) -> str:
    return _STRANGE.sub("?", peer.helo[:MAX_HELO]) or "unknown"


def _literal(address: str) -> str:
    plain = _STRANGE.sub("?", address[:64])
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain}]"


def _tls(peer: Peer) -> str:
    if not peer.tls:
        return ""
    cipher = f" with cipher {_word(peer.cipher)}" if peer.cipher else ""
    return f"\r\n\t(using {_word(peer.tls)}{cipher})"


def _word(text: str) -> str:
    return _NOT_WORD.sub("?", text[:MAX_HELO]) or "unknown"
