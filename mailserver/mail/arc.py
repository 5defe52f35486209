"""Validate ARC chains, and say what a trusted one is worth to DMARC (RFC 8617 5.2).

As with DKIM, whoever drives it asks DNS for `questions` and hashes the body in the forms that are `wanted`.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailserver.mail import arc_set, canonical, dkim_signature, dkim_verify
from mailserver.mail.arc_set import ArcSet, ChainBroken
from mailserver.mail.canonical import Form
from mailserver.mail.dkim_key import PublicKey
from mailserver.mail.dkim_signature import Signature
from mailserver.mail.dkim_verify import Bodies, Keys
from mailserver.mail.results import Claim, Parsed

MAX_KEYS = 50  # names that one chain makes us ask for: those of its seals, then of message signatures
SHOWN_METHODS = ("spf", "dkim", "dmarc", "arc")
MAX_SHOWN = 255


class Status(StrEnum):
    """The results of RFC 8617 4.4. A message without sets has no result here."""

    PASS = "pass"  # noqa: S105 - a word of the RFC, no secret
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one sealer said of the message when it had it."""

    instance: int
    domain: str
    selector: str
    results: Parsed


@dataclass(frozen=True, slots=True)
class Result:
    """What a chain is worth. `oldest_pass` is the first set whose message signature still holds, 0 where all do.

    `is_temporary` means that it failed for want of an answer only. `is_ended` means that a sealer before us found it
    broken, so that nobody seals it any more. `highest` is the number of the newest set. `holds_author` means that the
    message has one From, and that its newest signature covers it.
    """

    status: Status
    sealed: tuple[Sealed, ...] = ()
    oldest_pass: int = 0
    reason: str = ""
    highest: int = 0
    is_temporary: bool = False
    is_ended: bool = False
    holds_author: bool = False

    def claim(self) -> Claim:
        """The result as Authentication-Results has it (RFC 8617 10.1).

        That nobody knows for now has no word there; "fail" would end the chain for all who come after us.
        """
        if self.status is not Status.PASS:
            return Claim("arc", "temperror" if self.is_temporary else self.status, reason=self.reason)
        return Claim("arc", self.status, (("header.oldest-pass", str(self.oldest_pass)),))

    def as_json(self) -> Mapping[str, Any]:
        """The result as the API has it."""
        return {
            "result": str(self.status), "reason": self.reason, "oldest_pass": self.oldest_pass,
            "sealers": [
                {
                    "instance": each.instance, "domain": each.domain, "selector": each.selector,
                    "server": each.results.authserv_id[:MAX_SHOWN], "said": _said(each.results),
                }
                for each in self.sealed
            ],
        }  # fmt: skip


class Inspection:
    """The chain of one message."""

    def __init__(self, fields: Sequence[tuple[bytes, bytes]], at: int | None = None) -> None:
        self._by_name: dict[bytes, list[bytes]] = {}
        for name, field in fields:
            self._by_name.setdefault(name, []).append(field)
        self._sets: tuple[ArcSet, ...] = ()
        self._known: Result | None = None
        try:
            self._sets = arc_set.read(fields, at)
        except ChainBroken as broken:
            self._known = Result(Status.FAIL, reason=str(broken), highest=broken.highest)
        else:
            self._known = _judged_by_looks(self._sets)
        self._looked_at = () if self._known else _looked_at(self._sets)

    @property
    def is_chained(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self._sets) or self._known is not None

    @property
    def questions(self) -> tuple[str, ...]:
        """The names of the keys: fifty, and one more where the newest signature needs one of its own."""
        if self._known:
            return ()
        signatures = [*[each.seal for each in self._sets], *[each.message for each in self._looked_at]]
        return tuple({each.question: None for each in signatures if isinstance(each, Signature)})

    @property
    def wanted(self) -> tuple[Form, ...]:
        """The forms in which the body is to be hashed, three at most."""
        return tuple({each.message.form: None for each in self._looked_at if isinstance(each.message, Signature)})

    def judge(self, keys: Keys, bodies: Bodies) -> Result:
        """Check every seal, and the message signatures from the newest back to the first that does not hold."""
        if self._known:
            return self._known
        highest = len(self._sets)
        trouble, is_temporary = self._message(self._sets[-1], keys, bodies)
        if trouble:
            reason = f"Message signature {highest}: {trouble}"
            return Result(Status.FAIL, _sealed(self._sets), reason=reason, highest=highest, is_temporary=is_temporary)
        chain = hashlib.sha256()
        for each in self._sets:
            chain.update(
                canonical.relaxed_field(arc_set.RESULTS, each.results_field) + b"\r\n"
                + canonical.relaxed_field(arc_set.MESSAGE, each.message_field) + b"\r\n"
            )  # fmt: skip
            digest = chain.copy()
            digest.update(canonical.relaxed_field(arc_set.SEAL, dkim_verify.without_value(each.seal_field)))
            trouble, is_temporary = _seal(each, keys, digest.digest())
            if trouble:
                reason = f"Seal {each.instance}: {trouble}"
                return Result(
                    Status.FAIL, _sealed(self._sets), reason=reason, highest=highest, is_temporary=is_temporary
                )
            chain.update(canonical.relaxed_field(arc_set.SEAL, each.seal_field) + b"\r\n")
        newest = self._sets[-1].message
        holds_author = (
            len(self._by_name.get(b"from", ())) == 1 and isinstance(newest, Signature) and b"from" in newest.names
        )
        oldest = self._oldest(keys, bodies)
        return Result(Status.PASS, _sealed(self._sets), oldest, highest=highest, holds_author=holds_author)

    def _oldest(self, keys: Keys, bodies: Bodies) -> int:
        """RFC 8617 5.2, step 5: since when the message is what it is."""
        oldest = len(self._sets)
        for each in self._looked_at[1:]:
            if self._message(each, keys, bodies)[0]:
                return oldest
            oldest = each.instance
        return 0 if oldest == 1 else oldest

    def _message(self, one: ArcSet, keys: Keys, bodies: Bodies) -> tuple[str, bool]:
        """What is wrong with a message signature, and whether only for now; '' where it holds."""
        signature = one.message
        key = dkim_verify.key_of(signature, keys) if isinstance(signature, Signature) else signature
        if not isinstance(key, PublicKey) or not isinstance(signature, Signature):
            return _trouble(key)
        body = bodies.get(signature.form)
        if body is None:
            return dkim_verify.NO_BODY, True
        digest = dkim_verify.header_digest(self._by_name, signature, arc_set.MESSAGE)
        status, reason = dkim_verify.compare(signature, key, body, digest)
        return ("", False) if status is dkim_signature.Status.PASS else (reason, False)


class Arc:
    """The ARC step of verification."""

    def inspect(self, fields: Sequence[tuple[bytes, bytes]], at: int) -> Inspection | None:
        """Read the chain of a header; None where there is none. `at` is in unix seconds."""
        if not any(name in arc_set.NAMES for name, _ in fields):
            return None
        return Inspection(fields, at)


def overrides(result: object, trusted: Collection[str], author: str = "") -> str | None:
    """Why a chain outweighs what DMARC asks for; None where it does not (RFC 8617 7.2.1).

    Every sealer from the newest back to the one that had the author's mail authenticated has to be trusted: none of
    them can have been lied to by anybody else. What a result says of another author than `author` does not count.
    """
    if not trusted or not isinstance(result, Result) or result.status is not Status.PASS or not result.holds_author:
        return None
    for each in reversed(result.sealed):
        if each.domain not in trusted:
            return None
        found = next((claim for claim in each.results.claims if _authenticates(claim, author)), None)
        if found is not None:
            return f"arc=pass; {each.domain} (i={each.instance}) found {found.method}={found.result}"
    return None


def _authenticates(claim: Claim, author: str) -> bool:
    if claim.result != "pass":
        return False
    if claim.method == "dmarc":
        named = _domain(claim.value("header.from"))
        return not author or not named or named == author
    if claim.method == "dkim":
        return _is_aligned(_domain(claim.value("header.d") or claim.value("header.i")), author)
    return claim.method == "spf" and _is_aligned(
        _domain(claim.value("smtp.mailfrom") or claim.value("smtp.mfrom")), author
    )


def _domain(text: str) -> str:
    return text.rpartition("@")[2].lower().removesuffix(".")


def _is_aligned(domain: str, author: str) -> bool:
    """Without DNS only what is the author's domain, above it or below it is known to be of one organisation."""
    if not domain or not author or "." not in domain:
        return False
    return domain == author or domain.endswith(f".{author}") or author.endswith(f".{domain}")


def _judged_by_looks(sets: tuple[ArcSet, ...]) -> Result | None:
    """The result where the fields alone tell it (RFC 8617 5.2, steps 2 and 3)."""
    if not sets:
        return None
    highest = len(sets)
    if sets[-1].verdict == "fail":
        reason = f"Sealer {highest} found the chain broken."
        return Result(Status.FAIL, reason=reason, highest=highest, is_ended=True)
    for each in sets:
        reason = ""
        if each.verdict != ("none" if each.instance == 1 else "pass"):
            reason = f"Seal {each.instance} has the wrong cv= tag."
        elif isinstance(each.seal, dkim_signature.Result):
            reason = f"Seal {each.instance}: {each.seal.reason}"
        elif isinstance(each.message, dkim_signature.Result) and (
            each.instance == highest or each.message.status is dkim_signature.Status.PERMERROR
        ):  # an older one may have run out
            reason = f"Message signature {each.instance}: {each.message.reason}"
        if reason:
            return Result(Status.FAIL, reason=reason, highest=highest)
    return None


def _looked_at(sets: tuple[ArcSet, ...]) -> tuple[ArcSet, ...]:
    """The sets whose message signatures are checked, from the newest back.

    It ends where a signature would need one name of a key too many, or hashes of its own for a part of the body.
    """
    names = {each.seal.question for each in sets if isinstance(each.seal, Signature)}
    chosen: list[ArcSet] = []
    for each in reversed(sets):
        if not isinstance(each.message, Signature):
            break
        names.add(each.message.question)
        if chosen and (len(names) > MAX_KEYS or each.message.form.limit is not None):
            break
        chosen.append(each)
    return tuple(chosen)


def _seal(one: ArcSet, keys: Keys, digest: bytes) -> tuple[str, bool]:
    signature = one.seal
    key = dkim_verify.key_of(signature, keys) if isinstance(signature, Signature) else signature
    if not isinstance(key, PublicKey) or not isinstance(signature, Signature):
        return _trouble(key)
    return ("", False) if key.verifies(signature.value, digest) else ("It was changed, or another key made it.", False)


def _trouble(found: object) -> tuple[str, bool]:
    if isinstance(found, dkim_signature.Result):
        return found.reason, found.status is dkim_signature.Status.TEMPERROR
    return "It cannot be checked.", False


def _sealed(sets: Sequence[ArcSet]) -> tuple[Sealed, ...]:
    return tuple([Sealed(each.instance, each.sealer, _selector(each), each.results) for each in sets])


def _selector(one: ArcSet) -> str:
    return one.seal.known.selector if isinstance(one.seal, Signature) else one.seal.selector


def _said(found: Parsed) -> dict[str, str]:
    return {claim.method: claim.result[:MAX_SHOWN] for claim in found.claims if claim.method in SHOWN_METHODS}
