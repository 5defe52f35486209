"""One DKIM-Signature field: its tags, and the rules that need neither key nor body (RFC 6376 3.5 and 6.1.1)."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from mailserver.mail import address, dkim_key, dkim_tags
from mailserver.mail.address import AddressError
from mailserver.mail.canonical import Form

CLOCK_SKEW_SECONDS = 3_600
AHEAD_SECONDS = 86_400  # how far a t= tag may lie before us
MAX_IDENTITY = 320
MAX_KEY_NAME = 240  # of selector and domain, so that `_domainkey` between them still fits into a name
SHOWN = 8  # letters of the b= tag that tell signatures of one message apart (RFC 6008 4)
_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(_LABEL + rb"(?:\." + _LABEL + rb")*")
_NUMBER = re.compile(rb"[0-9]{1,12}")
_NEEDED = (b"v", b"a", b"b", b"bh", b"d", b"h", b"s")
_ARC_MESSAGE = (b"a", b"b", b"bh", b"d", b"s")
_ARC_SEAL = (b"a", b"b", b"d", b"s")
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
class Result:
    """What one signature is worth. `identity` is the i= tag, `signature` the first letters of b=."""

    status: Status
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    reason: str = ""
    identity: str = ""
    is_test: bool = False
    signature: str = ""
    key_bits: int = 0


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that can be checked. `known` is its result as far as the field alone tells it."""

    field: bytes
    known: Result
    names: tuple[bytes, ...]
    relaxed_header: bool
    form: Form
    body_hash: bytes
    value: bytes

    @property
    def question(self) -> str:
        """The name that its key is published under (RFC 6376 3.6.2.1)."""
        return f"{self.known.selector}._domainkey.{self.known.domain}"


class Refusal(Exception):
    """The signature is not worth checking; the text says why."""

    def __init__(self, reason: str, status: Status = Status.PERMERROR) -> None:
        super().__init__(reason)
        self.status = status


def read(field: bytes, at: int | None) -> Signature | Result:
    """Read a field; what cannot be checked is a result already. Without `at`, in unix seconds, nothing has expired."""
    tags = dkim_tags.parse(field.partition(b":")[2])
    if tags is None:
        return Result(Status.PERMERROR, reason="The signature cannot be read.")
    known = Result(Status.PERMERROR, signature=_letters(tags.get(b"b", b""))[:SHOWN])
    try:
        known = _signer(known, tags)
        known = _method(known, tags)
        limit = _limit(tags, at)
        relaxed_header, relaxed_body = _forms(tags)
        return Signature(
            field, known, _names(tags), relaxed_header, Form(relaxed_body, limit),
            _octets(tags[b"bh"], "body hash"), _octets(tags[b"b"], "value"),
        )  # fmt: skip
    except Refusal as refusal:
        return replace(known, status=refusal.status, reason=str(refusal))


def read_arc(field: bytes, tags: dict[bytes, bytes], at: int | None, *, is_seal: bool) -> Signature | Result:
    """Read an ARC-Message-Signature or ARC-Seal: a signature without v=, whose i= is no identity (RFC 8617 4.1)."""
    known = Result(Status.PERMERROR, signature=_letters(tags.get(b"b", b""))[:SHOWN])
    try:
        known = _signer(known, tags, _ARC_SEAL if is_seal else _ARC_MESSAGE)
        known = _method(known, {b"a": tags[b"a"]})
        limit = _limit(tags, at)
        names = _arc_names(tags, is_seal=is_seal)
        if is_seal:
            return Signature(field, known, names, True, Form(True), b"", _octets(tags[b"b"], "value"))
        relaxed_header, relaxed_body = _forms(tags, b"relaxed/relaxed")
        return Signature(
            field, known, names, relaxed_header, Form(relaxed_body, limit),
            _octets(tags[b"bh"], "body hash"), _octets(tags[b"b"], "value"),
        )  # fmt: skip
    except Refusal as refusal:
        return replace(known, status=refusal.status, reason=str(refusal))


def claimed_domain(field: bytes) -> str:
    """The d= tag as it stands, for choosing among many signatures; '' where none is to be found cheaply."""
    found = _CLAIM.search(field)
    return found[1].decode("ascii").lower() if found else ""


_CLAIM = re.compile(rb"[;:][ \t\r\n]*d[ \t\r\n]*=[ \t\r\n]*(" + _NAME.pattern + rb")[ \t\r\n]*(?:;|\Z)")


def _signer(known: Result, tags: dict[bytes, bytes], needed: tuple[bytes, ...] = _NEEDED) -> Result:
    """Fill in who signed, as names that are fit to be shown."""
    for name in needed:
        if not tags.get(name):
            raise Refusal(f"The signature has no {name.decode()}= tag.")
    if b"v" in needed and tags[b"v"] != b"1":
        raise Refusal("The signature has another version.")
    domain = _domain(dkim_tags.without_folds(tags[b"d"]))
    selector = dkim_tags.without_folds(tags[b"s"])
    if not _NAME.fullmatch(selector) or len(selector) + len(domain) > MAX_KEY_NAME:
        raise Refusal("The selector cannot be read.")
    return replace(known, domain=domain, selector=selector.decode("ascii"), identity=f"@{domain}")


def _method(known: Result, tags: dict[bytes, bytes]) -> Result:
    """Fill in how it was signed and for whom."""
    algorithm = _letters(tags[b"a"])
    if algorithm not in (dkim_key.RSA, dkim_key.ED25519):
        raise Refusal("The algorithm is not allowed.")  # RFC 8301 3.1: rsa-sha1 is nothing to rely on
    identity = dkim_tags.without_folds(tags.get(b"i", b""))
    known = replace(known, algorithm=algorithm)
    return replace(known, identity=_identity(identity, known.domain)) if identity else known


def _names(tags: dict[bytes, bytes]) -> tuple[bytes, ...]:
    names = _split_names(tags[b"h"])
    if b"from" not in names:
        raise Refusal("The signature leaves From out.")
    return names


def _arc_names(tags: dict[bytes, bytes], *, is_seal: bool) -> tuple[bytes, ...]:
    """RFC 8617 4.1.2, 4.1.3: a seal covers the sets and has no list; a message signature has one, without seals."""
    if is_seal and b"h" in tags:
        raise Refusal("The seal has an h= tag.")
    if not is_seal and b"h" not in tags:
        raise Refusal("The signature has no h= tag.")
    names = () if is_seal else _split_names(tags[b"h"])
    if b"arc-seal" in names:
        raise Refusal("The signature covers ARC-Seal.")
    return names


def _split_names(value: bytes) -> tuple[bytes, ...]:
    return tuple([name.strip().lower() for name in value.split(b":")])


def _domain(text: bytes) -> str:
    if len(text) > address.MAX_DOMAIN:
        raise Refusal("The signing domain cannot be read.")
    if _NAME.fullmatch(text) and b"." in text:
        return text.decode("ascii").lower()
    try:
        domain = address.parse_domain(text.decode("utf-8"))  # RFC 8616 5: signatures may have U-labels
    except (AddressError, UnicodeDecodeError) as error:
        raise Refusal("The signing domain cannot be read.") from error
    if not _NAME.fullmatch(domain.encode("ascii", "replace")):
        raise Refusal("The signing domain cannot be read.")
    return domain


def _identity(text: bytes, domain: str) -> str:
    """RFC 6376 3.5: i= is an identity of the signing domain or of one below it."""
    local, found, host = text.rpartition(b"@")
    shown = local.decode("utf-8", "replace")
    if not found or len(text) > MAX_IDENTITY or not shown.isprintable():
        raise Refusal("The identity cannot be read.")
    whole = _domain(host)
    if whole != domain and not whole.endswith(f".{domain}"):
        raise Refusal("The identity is not of the signing domain.")
    return f"{shown}@{whole}"


def _limit(tags: dict[bytes, bytes], at: int | None) -> int | None:
    """Refuse by time and key server; the answer is the l= tag."""
    if b"dns/txt" not in tags.get(b"q", b"dns/txt").lower().replace(b" ", b"").split(b":"):
        raise Refusal("The key is not published in DNS.")
    try:
        signed_at, expires_at, limit = (_number(tags.get(name)) for name in (b"t", b"x", b"l"))
    except ValueError:
        raise Refusal("A number in the signature cannot be read.") from None
    if expires_at is not None and signed_at is not None and expires_at <= signed_at:
        raise Refusal("The signature expires before it was made.")
    if at is not None and expires_at is not None and expires_at + CLOCK_SKEW_SECONDS < at:
        raise Refusal("The signature has expired.", Status.FAIL)
    if at is not None and signed_at is not None and signed_at - AHEAD_SECONDS > at:
        raise Refusal("The signature was made in the future.", Status.FAIL)
    return limit


def _number(value: bytes | None) -> int | None:
    if value is not None and not _NUMBER.fullmatch(value):
        raise ValueError("The tag is no number.")
    return dkim_tags.number(value)


def _forms(tags: dict[bytes, bytes], default: bytes = b"simple/simple") -> tuple[bool, bool]:
    forms = _CANONICAL.get(tags.get(b"c", default).lower())
    if forms is None:
        raise Refusal("The canonical form is unknown.")
    return forms


def _octets(value: bytes, what: str) -> bytes:
    octets = dkim_tags.base64_value(value)
    if not octets:
        raise Refusal(f"The signature's {what} cannot be read.")
    return octets


def _letters(value: bytes) -> str:
    """A tag of which only plain letters are of use."""
    text = dkim_tags.without_folds(value[:512]).decode("ascii", "replace")
    return text if text.isprintable() and text.isascii() else ""
