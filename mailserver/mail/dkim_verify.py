"""Verify DKIM in steps: read the header, ask for keys, hash the body, judge (RFC 6376 6, RFC 8301).

Whoever drives it asks DNS for `questions` and hashes the body in the forms that are `wanted`, wherever it likes;
nothing here waits for anything.
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mailserver.mail import canonical, dkim_key, dkim_signature, headers
from mailserver.mail.canonical import BodyDigest, Form
from mailserver.mail.dkim_key import KeyUnusableError, PublicKey
from mailserver.mail.dkim_signature import Result, Signature, Status

MAX_SIGNATURES = 5
GOOD_RSA_BITS = 2048  # RFC 8301 3.2: signers should use no less
Keys = Mapping[str, Sequence[bytes] | None]  # TXT records by name; None where DNS gave no answer
Bodies = Mapping[Form, BodyDigest]
NO_BODY = "The body could not be read."
_B_TAG = re.compile(rb"((?:\A|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


class Inspection:
    """The signatures of one message, five at most: those of the author's domain first, then from the top."""

    def __init__(
        self, fields: Sequence[tuple[bytes, bytes]], authors: Collection[str] = (), at: int | None = None
    ) -> None:
        self._by_name: dict[bytes, list[bytes]] = {}
        length = 0
        for name, field in fields:
            self._by_name.setdefault(name, []).append(field)
            length += len(field)
        found = self._by_name.get(b"dkim-signature", [])
        self._signatures: tuple[Signature | Result, ...]
        if length > headers.MAX_BLOCK and found:
            self._signatures = (Result(Status.PERMERROR, reason="The header is longer than 128 KB."),)
        else:
            self._signatures = tuple([self._single(each, at) for each in chosen(found, authors)])

    @property
    def is_signed(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self._signatures)

    @property
    def questions(self) -> tuple[str, ...]:
        """The names of the keys."""
        return tuple({each.question: None for each in self._signatures if isinstance(each, Signature)})

    @property
    def wanted(self) -> tuple[Form, ...]:
        """The forms in which the body is to be hashed."""
        return tuple({each.form: None for each in self._signatures if isinstance(each, Signature)})

    @property
    def domains(self) -> tuple[str, ...]:
        """Who claims to have signed, where that can be checked."""
        return tuple({each.known.domain: None for each in self._signatures if isinstance(each, Signature)})

    def judge(self, keys: Keys, bodies: Bodies) -> tuple[Result, ...]:
        """Check every signature. A key or body that is missing is a temporary error."""
        if not self._signatures:
            return (Result(Status.NONE, reason="The message is not signed."),)
        return tuple(
            [each if isinstance(each, Result) else self._judge(each, keys, bodies) for each in self._signatures]
        )

    def _single(self, field: bytes, at: int | None) -> Signature | Result:
        read = dkim_signature.read(field, at)
        if isinstance(read, Signature) and len(self._by_name.get(b"from", ())) != 1:
            # RFC 6376 8.15: with two of them, nobody knows which one was signed and which one is shown.
            return replace(read.known, reason="The message has not exactly one From.")
        return read

    def _judge(self, signature: Signature, keys: Keys, bodies: Bodies) -> Result:
        key = key_of(signature, keys)
        if isinstance(key, Result):
            return key
        known = replace(signature.known, is_test=key.is_test, key_bits=key.bits)
        if key.is_strict and known.identity.rpartition("@")[2] != known.domain:
            return replace(known, reason="The identity is not of the signing domain.")
        body = bodies.get(signature.form)
        if body is None:
            return replace(known, status=Status.TEMPERROR, reason=NO_BODY)
        status, reason = compare(signature, key, body, header_digest(self._by_name, signature, b"dkim-signature"))
        if status is Status.FAIL and key.is_test:
            # RFC 6376 3.6.1: a key under test must not make a message worse than an unsigned one.
            status, reason = Status.NEUTRAL, f"{reason} The key is under test."
        return replace(known, status=status, reason=reason)


def key_of(signature: Signature, keys: Keys) -> PublicKey | Result:
    """The key of a signature; the result where there is none to use."""
    known = signature.known
    records = keys.get(signature.question)
    if records is None:
        return replace(known, status=Status.TEMPERROR, reason="The key cannot be looked up now.")
    text = dkim_key.choose(records)
    if text is None:
        return replace(known, reason="There is no such key.")
    try:
        return dkim_key.read(text, known.algorithm)
    except KeyUnusableError as error:
        return replace(known, reason=str(error))


def compare(signature: Signature, key: PublicKey, body: BodyDigest, digest: bytes) -> tuple[Status, str]:
    """Whether body and header, whose digest is given, are what was signed."""
    limit = signature.form.limit
    if limit is not None and limit > body.length:
        return Status.PERMERROR, "The signature covers more than there is."
    if signature.body_hash != body.octets:
        return Status.FAIL, "The body was changed."
    if not key.verifies(signature.value, digest):
        return Status.FAIL, "The header was changed, or another key signed it."
    if limit is not None and body.length > limit:
        return Status.NEUTRAL, "The signature covers a part of the body only."
    if signature.known.algorithm == dkim_key.RSA and key.bits < GOOD_RSA_BITS:
        return Status.PASS, f"The RSA key has {key.bits} bits only."
    return Status.PASS, ""


def header_digest(by_name: Mapping[bytes, Sequence[bytes]], signature: Signature, label: bytes) -> bytes:
    """The SHA-256 of the fields that a signature names, and of itself under its own name."""
    relaxed = signature.relaxed_header
    left = {name: len(found) for name, found in by_name.items()}
    digest = hashlib.sha256()
    for name in signature.names:
        position = left.get(name, 0) - 1
        if position < 0:
            continue  # RFC 6376 5.4: a name without a field stands for nothing
        left[name] = position
        found = by_name[name][position]
        digest.update(canonical.relaxed_field(name, found) if relaxed else canonical.simple_field(found))
        digest.update(b"\r\n")
    bare = without_value(signature.field)
    digest.update(canonical.relaxed_field(label, bare) if relaxed else canonical.simple_field(bare))
    return digest.digest()


def without_value(field: bytes) -> bytes:
    """A signature's field as it was signed: without the letters of its b= tag."""
    label, _, value = field.partition(b":")
    return label + b":" + _B_TAG.sub(rb"\1", value, count=1)


def chosen(found: Sequence[bytes], authors: Collection[str]) -> Sequence[bytes]:
    """The signatures that are worth a look, in their order; the rest is more than anybody needs."""
    if len(found) <= MAX_SIGNATURES:
        return found
    ranked = sorted(range(len(found)), key=lambda index: (_distance(found[index], authors), index))
    return [found[index] for index in sorted(ranked[:MAX_SIGNATURES])]


def _distance(field: bytes, authors: Collection[str]) -> int:
    domain = dkim_signature.claimed_domain(field)
    if not domain:
        return 3
    if domain in authors:
        return 0
    return 1 if any(each.endswith(f".{domain}") or domain.endswith(f".{each}") for each in authors) else 2
