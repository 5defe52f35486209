"""Sign and verify DKIM (RFC 6376, RFC 8301, RFC 8463)."""

import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailserver.mail import canonical, dkim_key, dkim_signature
from mailserver.mail.canonical import BodyHash, Form
from mailserver.mail.dkim_key import PrivateKey
from mailserver.mail.dkim_verify import Inspection
from mailserver.mail.resolver import LookupFailed

Status = dkim_signature.Status
Result = dkim_signature.Result

DAY_SECONDS = 86_400
LIFE_SECONDS = 7 * DAY_SECONDS  # threats B3: a replayed message is worth nothing after a week
# Named once more than they stand there, so that nobody adds another of them (RFC 6376 8.15).
OVERSIGNED = (
    b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"content-type", b"mime-version",
    b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
_ALSO_SIGNED = (
    b"sender", b"in-reply-to", b"references", b"content-transfer-encoding", b"auto-submitted", b"list-id",
    b"list-post", b"resent-from", b"resent-to", b"resent-cc", b"resent-date", b"resent-message-id",
)  # fmt: skip
_LINE = 74


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name that it is published under."""

    domain: str
    selector: str
    algorithm: str  # rsa-sha256 or ed25519-sha256
    private: PrivateKey


def load_key(pem: bytes) -> PrivateKey:
    """Read a private key from PEM; KeyUnusableError where it is neither RSA nor Ed25519."""
    return dkim_key.load(pem)


def generate(algorithm: str) -> tuple[bytes, str]:
    """Make a key pair: the private key as PEM, the public one in base 64 as its record has it."""
    return dkim_key.generate(algorithm)


def record(public: str) -> str:
    """Write the TXT value that publishes a key."""
    return dkim_key.record(public)


def sign(raw: bytes, keys: Sequence[SigningKey], at: int, oversign: Iterable[bytes] = OVERSIGNED) -> bytes:
    """Sign a message with CRLF line ends. The answer is one field for each key, to stand in front of it."""
    head, start = border(raw)
    body = BodyHash()
    body.update(memoryview(raw)[start:])
    return sign_headers(raw[:head], body.digest(), keys, at, oversign)


def sign_headers(
    header_block: bytes, body_hash: bytes, keys: Sequence[SigningKey], at: int, oversign: Iterable[bytes] = OVERSIGNED
) -> bytes:
    """Sign a header block over the relaxed hash of its body, so that a big body need not be in memory."""
    names, content = chosen(header_block, tuple(oversign))
    shared = hashlib.sha256(content)
    listed = folded_names(names)
    hashed = binascii.b2a_base64(body_hash, newline=False)
    fields = []
    for key in keys:
        start = (
            f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain};\r\n\ts={key.selector};"
            f" t={at}; x={at + LIFE_SECONDS};\r\n\th="
        ).encode("ascii") + b"%b;\r\n\tbh=%b;\r\n\tb=" % (listed, hashed)
        digest = shared.copy()
        digest.update(canonical.relaxed_field(b"dkim-signature", start))
        letters = binascii.b2a_base64(dkim_key.signature(key.private, digest.digest()), newline=False)
        fields.append(
            start + b"\r\n\t ".join([letters[i : i + _LINE] for i in range(0, len(letters), _LINE)]) + b"\r\n"
        )
    return b"".join(fields)


def chosen(
    header_block: bytes, oversign: tuple[bytes, ...], others: tuple[bytes, ...] = _ALSO_SIGNED
) -> tuple[list[bytes], bytes]:
    """The names for h= and the fields that they stand for, the last of a name first (RFC 6376 5.4.2)."""
    by_name: dict[bytes, list[bytes]] = {}
    for name, field in canonical.fields(header_block):
        by_name.setdefault(name, []).append(field)
    names: list[bytes] = []
    content: list[bytes] = []
    for name in (*oversign, *others):
        for field in reversed(by_name.get(name, ())):
            names.append(name)
            content.append(canonical.relaxed_field(name, field))
        if name in oversign:
            names.append(name)
    content.append(b"")
    return names, b"\r\n".join(content)


def folded_names(names: list[bytes]) -> bytes:
    """The h= tag in lines."""
    lines = [b""]
    for index, name in enumerate(names):
        piece = name if index == len(names) - 1 else name + b":"
        if len(lines[-1]) + len(piece) > _LINE:
            lines.append(b"")
        lines[-1] += piece
    return b"\r\n\t ".join(lines)


def questions(header_block: bytes) -> tuple[str, ...]:
    """The names of the keys that the signatures of a header need."""
    return Inspection(canonical.fields(header_block)).questions


def wanted(header_block: bytes) -> tuple[Form, ...]:
    """The forms in which the signatures of a header need the body hashed."""
    return Inspection(canonical.fields(header_block)).wanted


def verify(raw: bytes, lookup: Callable[[str], bytes | None], at: int | None = None) -> tuple[Result, ...]:
    """Check every signature of a message in memory, five at most. `lookup` gives the TXT value of a name.

    LookupFailed from `lookup` becomes temperror. Without `at`, in unix seconds, nothing is found expired.
    """
    head, body = border(raw)
    inspection = Inspection(canonical.fields(raw[:head]), at=at)
    keys: dict[str, Sequence[bytes] | None] = {}
    for name in inspection.questions:
        try:
            text = lookup(name)
        except LookupFailed:
            keys[name] = None
        else:
            keys[name] = () if text is None else (text,)
    return inspection.judge(keys, canonical.digests((memoryview(raw)[body:],), inspection.wanted))


def border(raw: bytes) -> tuple[int, int]:
    """Where the header ends, its last line end included, and where the body begins."""
    if raw.startswith(b"\r\n"):
        return 0, 2
    found = raw.find(b"\r\n\r\n")
    return (len(raw), len(raw)) if found < 0 else (found + 2, found + 4)
