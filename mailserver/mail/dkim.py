"""Sign and verify DKIM (RFC 6376, RFC 8301, RFC 8463)."""

import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailserver.mail import canonical, dkim_key, dkim_tags, headers
from mailserver.mail.canonical import BodyHash
from mailserver.mail.dkim_key import KeyUnusableError, PrivateKey, PublicKey
from mailserver.mail.resolver import LookupFailed

DAY_SECONDS = 86_400
LIFE_SECONDS = 7 * DAY_SECONDS  # threats B3: a replayed message is worth nothing after a week
MAX_SIGNATURES = 5
CLOCK_SKEW_SECONDS = 3_600
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
_B_TAG = re.compile(rb"((?:\A|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_CANONICAL = {
    b"simple": (False, False), b"simple/simple": (False, False), b"simple/relaxed": (False, True),
    b"relaxed": (True, False), b"relaxed/simple": (True, False), b"relaxed/relaxed": (True, True),
}  # fmt: skip


class Status(StrEnum):
    """The results of RFC 8601 2.7.1."""

    PASS = "pass"  # noqa: S105 - a word of the RFC, no secret
    FAIL = "fail"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"
    NEUTRAL = "neutral"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name that it is published under."""

    domain: str
    selector: str
    algorithm: str  # rsa-sha256 or ed25519-sha256
    private: PrivateKey


@dataclass(frozen=True, slots=True)
class Result:
    """What one signature is worth. `identity` is the i= tag."""

    status: Status
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    reason: str = ""
    identity: str = ""
    is_test: bool = False


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
    border = raw.find(b"\r\n\r\n")
    head, start = (raw, len(raw)) if border < 0 else (raw[: border + 2], border + 4)
    body = BodyHash()
    body.update(memoryview(raw)[start:])
    return sign_headers(head, body.digest(), keys, at, oversign)


def sign_headers(
    header_block: bytes, body_hash: bytes, keys: Sequence[SigningKey], at: int, oversign: Iterable[bytes] = OVERSIGNED
) -> bytes:
    """Sign a header block over the relaxed hash of its body, so that a big body need not be in memory."""
    names, content = _chosen(header_block, tuple(oversign))
    shared = hashlib.sha256(content)
    listed = _folded_names(names)
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


def _chosen(header_block: bytes, oversign: tuple[bytes, ...]) -> tuple[list[bytes], bytes]:
    """The names for h= and the fields that they stand for, the last of a name first (RFC 6376 5.4.2)."""
    by_name: dict[bytes, list[bytes]] = {}
    for name, field in canonical.fields(header_block):
        by_name.setdefault(name, []).append(field)
    names: list[bytes] = []
    content: list[bytes] = []
    for name in (*oversign, *_ALSO_SIGNED):
        for field in reversed(by_name.get(name, ())):
            names.append(name)
            content.append(canonical.relaxed_field(name, field))
        if name in oversign:
            names.append(name)
    content.append(b"")
    return names, b"\r\n".join(content)


def _folded_names(names: list[bytes]) -> bytes:
    lines = [b""]
    for index, name in enumerate(names):
        piece = name if index == len(names) - 1 else name + b":"
        if len(lines[-1]) + len(piece) > _LINE:
            lines.append(b"")
        lines[-1] += piece
    return b"\r\n\t ".join(lines)


def verify(raw: bytes, lookup: Callable[[str], bytes | None], at: int | None = None) -> tuple[Result, ...]:
    """Check every signature of a message, five at most. `lookup` gives the TXT value of a name.

    LookupFailed from `lookup` becomes temperror. Without `at`, in unix seconds, nothing is found expired.
    """
    border = raw.find(b"\r\n\r\n")
    head, start = (raw, len(raw)) if border < 0 else (raw[: border + 2], border + 4)
    if len(head) > headers.MAX_BLOCK:
        return (Result(Status.PERMERROR, reason="The header is longer than 128 KB."),)
    fields = canonical.fields(head)
    signatures = [field for name, field in fields if name == b"dkim-signature"]
    if not signatures:
        return (Result(Status.NONE, reason="The message is not signed."),)
    checker = _Checker(fields, memoryview(raw)[start:], lookup, at)
    return tuple([checker.check(field) for field in signatures[:MAX_SIGNATURES]])


class _Checker:
    """Checks the signatures of one message; bodies are hashed once for each canonical form."""

    def __init__(
        self,
        fields: list[tuple[bytes, bytes]],
        body: memoryview,
        lookup: Callable[[str], bytes | None],
        at: int | None,
    ) -> None:
        self._by_name: dict[bytes, list[bytes]] = {}
        for name, field in fields:
            self._by_name.setdefault(name, []).append(field)
        self._body = body
        self._lookup = lookup
        self._at = at
        self._hashes: dict[tuple[bool, int | None], tuple[bytes, int]] = {}

    def check(self, field: bytes) -> Result:
        value = field.partition(b":")[2]
        tags = dkim_tags.parse(value)
        if tags is None:
            return Result(Status.PERMERROR, reason="The signature cannot be read.")
        plain = {
            name: dkim_tags.without_folds(tags.get(name, b"")).decode("ascii", "replace")
            for name in (b"d", b"s", b"a", b"i")
        }
        result = Result(
            Status.PERMERROR, plain[b"d"].lower(), plain[b"s"], plain[b"a"], identity=plain[b"i"] or f"@{plain[b'd']}"
        )
        try:
            status, reason, is_test = self._judge(field, tags, result)
        except _Refusal as refusal:
            status, reason, is_test = refusal.status, str(refusal), False
        return Result(status, result.domain, result.selector, result.algorithm, reason, result.identity, is_test)

    def _judge(self, field: bytes, tags: dict[bytes, bytes], known: Result) -> tuple[Status, str, bool]:
        relaxed_header, relaxed_body = _CANONICAL.get(tags.get(b"c", b"simple/simple").lower(), (None, None))
        if relaxed_header is None or relaxed_body is None:
            raise _Refusal("The canonical form is unknown.")
        limit = self._refuse_tags(tags, known)
        names = [name.strip().lower() for name in tags[b"h"].split(b":")]
        if b"from" not in names:
            raise _Refusal("The signature leaves From out.")
        if len(self._by_name.get(b"from", ())) != 1:
            raise _Refusal("The message has not exactly one From.")
        key = self._key(known)
        self._refuse_identity(known, key)
        expected, length = self._body_hash(relaxed=relaxed_body, limit=limit)
        if dkim_tags.base64_value(tags[b"bh"]) != expected:
            return Status.FAIL, "The body was changed.", key.is_test
        given = dkim_tags.base64_value(tags[b"b"])
        if not given:
            raise _Refusal("The signature has no value.")
        if not key.verifies(given, self._header_digest(field, names, relaxed=relaxed_header)):
            return Status.FAIL, "The header was changed, or another key signed it.", key.is_test
        if limit is not None and length > limit:
            return Status.NEUTRAL, "The signature covers a part of the body only.", key.is_test
        return Status.PASS, "", key.is_test

    def _refuse_tags(self, tags: dict[bytes, bytes], known: Result) -> int | None:
        """Refuse what RFC 6376 6.1.1 and RFC 8301 3 forbid; the answer is the l= tag."""
        missing = [name.decode() for name in (b"v", b"a", b"b", b"bh", b"d", b"h", b"s") if not tags.get(name)]
        if missing:
            raise _Refusal(f"The signature has no {missing[0]}= tag.")
        if tags[b"v"] != b"1":
            raise _Refusal("The signature has another version.")
        if known.algorithm not in (dkim_key.RSA, dkim_key.ED25519):
            raise _Refusal("The algorithm is not allowed.")
        if b"dns/txt" not in tags.get(b"q", b"dns/txt").lower().replace(b" ", b"").split(b":"):
            raise _Refusal("The key is not published in DNS.")
        try:
            signed_at, expires_at, limit = (dkim_tags.number(tags.get(name)) for name in (b"t", b"x", b"l"))
        except ValueError:
            raise _Refusal("A number in the signature cannot be read.") from None
        if expires_at is not None and signed_at is not None and expires_at <= signed_at:
            raise _Refusal("The signature expires before it was made.")
        if self._at is not None and expires_at is not None and expires_at + CLOCK_SKEW_SECONDS < self._at:
            raise _Refusal("The signature has expired.", Status.FAIL)
        if self._at is not None and signed_at is not None and signed_at - DAY_SECONDS > self._at:
            raise _Refusal("The signature was made in the future.", Status.FAIL)
        return limit

    def _key(self, known: Result) -> PublicKey:
        try:
            text = self._lookup(f"{known.selector}._domainkey.{known.domain}")
        except LookupFailed:
            raise _Refusal("The key cannot be looked up now.", Status.TEMPERROR) from None
        if text is None:
            raise _Refusal("There is no such key.")
        try:
            return dkim_key.read(text, known.algorithm)
        except KeyUnusableError as error:
            raise _Refusal(str(error)) from None

    def _refuse_identity(self, known: Result, key: PublicKey) -> None:
        domain = known.identity.rpartition("@")[2].lower()
        if domain == known.domain:
            return
        if key.is_strict or not domain.endswith(f".{known.domain}"):
            raise _Refusal("The identity is not of the signing domain.")

    def _body_hash(self, *, relaxed: bool, limit: int | None) -> tuple[bytes, int]:
        found = self._hashes.get((relaxed, limit))
        if found is None:
            body = BodyHash(relaxed=relaxed, limit=limit)
            body.update(self._body)
            found = self._hashes[relaxed, limit] = (body.digest(), body.length)
        return found

    def _header_digest(self, field: bytes, names: list[bytes], *, relaxed: bool) -> bytes:
        left = {name: len(found) for name, found in self._by_name.items()}
        digest = hashlib.sha256()
        for name in names:
            position = left.get(name, 0) - 1
            if position < 0:
                continue  # RFC 6376 5.4: a name without a field stands for nothing
            left[name] = position
            found = self._by_name[name][position]
            digest.update(canonical.relaxed_field(name, found) if relaxed else canonical.simple_field(found))
            digest.update(b"\r\n")
        label, _, value = field.partition(b":")
        bare = label + b":" + _B_TAG.sub(rb"\1", value, count=1)
        digest.update(canonical.relaxed_field(b"dkim-signature", bare) if relaxed else canonical.simple_field(bare))
        return digest.digest()


class _Refusal(Exception):
    """The signature is not even checked."""

    def __init__(self, reason: str, status: Status = Status.PERMERROR) -> None:
        super().__init__(reason)
        self.status = status
