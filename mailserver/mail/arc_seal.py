"""Add an ARC set to what is passed on (RFC 8617 5.1)."""

import binascii
import hashlib
import re
from collections.abc import Sequence

from mailserver.mail import arc_set, canonical, dkim, dkim_key, results
from mailserver.mail.arc_set import ChainBroken
from mailserver.mail.dkim import OVERSIGNED, SigningKey

LONGEST_LINE = 900  # of base 64: within the 998 of RFC 5322 2.1.1, and no fold in what keys of 4096 bits sign
_RECEIVED = b"received"
_RESULTS = b"authentication-results"
_NOTHING = re.compile(rb"[ \t\r\n]*none[ \t\r\n]*;?[ \t\r\n]*", re.IGNORECASE)
_Fields = Sequence[tuple[bytes, bytes]]


def own_results(fields: _Fields, authserv_id: str) -> bytes:
    """What this server has written into Authentication-Results, as one value; b'' where it found out nothing.

    Only fields above the topmost Received can be its own: what stands below came with the message.
    """
    found: list[bytes] = []
    for name, field in fields:
        if name == _RECEIVED:
            break
        value = field.partition(b":")[2].strip()
        if name == _RESULTS and results.parse(value).authserv_id == authserv_id.lower():
            found += [value.partition(b";")[2].strip().removesuffix(b";")]
    said = [each for each in found if each and not _NOTHING.fullmatch(each)]
    return b"; ".join([authserv_id.encode("ascii"), *said]) if said else b""


def seal(
    header_block: bytes,
    body_hash: bytes,
    said: bytes,
    key: SigningKey,
    at: int,
    oversign: tuple[bytes, ...] = OVERSIGNED,
    others: tuple[bytes, ...] | None = None,
) -> bytes:
    """The three fields to stand in front of a message, over the relaxed hash of its body; b'' where none is due.

    `said` is `own_results` of the message, its result for the chain included; without it nobody seals. A chain that
    somebody has ended stays as it is; one that we found broken is sealed as such, over our own set alone.
    """
    fields = canonical.fields(header_block)
    if not said:
        return b""
    found = [claim.result for claim in results.parse(said).claims if claim.method == "arc"]
    instance, before, is_ended = _standing(fields)
    if is_ended or instance > arc_set.MAX_SETS:
        return b""
    verdict = found[0] if found else "none"
    if (verdict == "none") != (instance == 1) or verdict not in ("none", "pass", "fail") or len(found) > 1:
        return b""  # our own finding and the message do not belong together: the chain is not ours to continue
    report = b"ARC-Authentication-Results: i=%d; %b\r\n" % (instance, said)
    message = _message(header_block, body_hash, key, instance, at, oversign, others)
    digest = hashlib.sha256()
    for field in [] if verdict == "fail" else before:
        digest.update(_canonical(field) + b"\r\n")
    digest.update(_canonical(report) + b"\r\n" + _canonical(message) + b"\r\n")
    start = f"ARC-Seal: a={key.algorithm};\r\n\tb="
    end = f";\r\n\tcv={verdict}; d={key.domain}; i={instance}; s={key.selector}; t={at}\r\n"
    digest.update(_canonical((start + end).encode("ascii")))
    return _signed(start, key, digest.digest(), end) + message + report


def _message(
    header_block: bytes,
    body_hash: bytes,
    key: SigningKey,
    instance: int,
    at: int,
    oversign: tuple[bytes, ...],
    others: tuple[bytes, ...] | None,
) -> bytes:
    """The ARC-Message-Signature: over the fields that DKIM would sign."""
    names, content = (
        dkim.chosen(header_block, oversign) if others is None else dkim.chosen(header_block, oversign, others)
    )
    start = f"ARC-Message-Signature: a={key.algorithm};\r\n\tb="
    hashed = binascii.b2a_base64(body_hash, newline=False).decode("ascii")
    end = (  # dkimpy looks for i= behind a blank, not behind a tab
        f";\r\n\tbh={hashed};\r\n\tc=relaxed/relaxed; d={key.domain};\r\n\th="
        f"{dkim.folded_names(names).decode('ascii')};\r\n i={instance}; s={key.selector}; t={at}\r\n"
    )
    digest = hashlib.sha256(content)
    digest.update(_canonical((start + end).encode("ascii")))
    return _signed(start, key, digest.digest(), end)


def _signed(start: str, key: SigningKey, digest: bytes, end: str) -> bytes:
    letters = binascii.b2a_base64(dkim_key.signature(key.private, digest), newline=False)
    lines = [letters[at : at + LONGEST_LINE] for at in range(0, len(letters), LONGEST_LINE)]
    return start.encode("ascii") + b"\r\n\t ".join(lines) + end.encode("ascii")


def _standing(fields: _Fields) -> tuple[int, list[bytes], bool]:
    """The number of the next set, the fields of those before it in their order, and whether the chain has ended."""
    try:
        sets = arc_set.read(fields, None)
    except ChainBroken as broken:
        return max(broken.highest, 1) + 1, [], False
    before = [field for each in sets for field in (each.results_field, each.message_field, each.seal_field)]
    return len(sets) + 1, before, bool(sets) and sets[-1].verdict == "fail"


def _canonical(field: bytes) -> bytes:
    return canonical.relaxed_field(field.partition(b":")[0].strip().lower(), field)
