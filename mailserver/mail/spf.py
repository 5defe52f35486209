"""Sender Policy Framework (RFC 7208): pyspf as a machine that asks questions, with no socket of its own.

pyspf looks up as it goes, and blocks. Here its `query` is subclassed at the one method through which every lookup
goes: an answer that is not known yet ends the run with the question, and once it is answered the evaluation runs
again over what was learned. Nothing in the `spf` module is changed.

Its faults that are worked around, each at its place: it swallows every exception while it reads exp=, and looks that
text up even for a pass; it cuts one label only from a name that is too long, and the first sentence from a long
explanation; a failing lookup of a PTR's host ends the evaluation (RFC 7208 5.5 skips the host); it has no bound on
what a record may hold; a quoted local part with an @ is cut in two.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import spf as pyspf

from mailserver.mail.address import Address

MAX_RECORD = 8 * 1024  # octets of one policy
MAX_TERM = 512  # octets of one mechanism: a name has 253, macros are longer than what they become
MAX_NAME = 253
MAX_HOSTS = 10  # of an MX or PTR answer (RFC 7208 4.6.4)
MAX_EXPLANATION = 500
HEAVY_OCTETS = 2 * 1024  # of policies: what has more is not evaluated on the event loop
_POLICY = re.compile(rb"v=spf1(?: |\Z)", re.IGNORECASE)
_ASKABLE = re.compile(r"[ -\[\]-~]+")
_MACRO = re.compile(r"%\{([a-zA-Z])")
_FAULTS = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    re.error,
)


class Status(StrEnum):
    """The results of RFC 7208 2.6."""

    PASS = "pass"  # noqa: S105 - a word of the RFC, no secret
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Kind(StrEnum):
    """What DNS is asked for; the name of a PTR question is the address itself."""

    TXT = "TXT"
    A = "A"
    AAAA = "AAAA"
    MX = "MX"
    PTR = "PTR"


class Identity(StrEnum):
    """Whose authorisation was checked (RFC 7208 2.3, 2.4)."""

    MAILFROM = "mailfrom"
    HELO = "helo"


@dataclass(frozen=True, slots=True)
class Question:
    """One question to DNS."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """What the domain says about the address. `explanation` is its own text: printable, but not to be trusted."""

    status: Status
    identity: Identity
    domain: str = ""
    sender: str = ""
    reason: str = ""
    explanation: str = ""
    mechanism: str = ""


# TXT records as octets, addresses, (preference, host) of MX, names of PTR; None where DNS gave no answer.
Answer = Sequence[bytes] | Sequence[str] | Sequence[tuple[int, str]] | None


def is_policy(record: bytes) -> bool:
    """Whether a TXT record is meant for SPF (RFC 7208 4.5)."""
    return _POLICY.match(record) is not None


def is_domain(name: str) -> bool:
    """Whether a name can have a policy at all: several labels, none empty or too long, no literal (RFC 7208 4.3)."""
    if len(name) > MAX_NAME or not _ASKABLE.fullmatch(name) or "[" in name:
        return False
    labels = name.removesuffix(".").split(".")
    return len(labels) > 1 and all(0 < len(label) < 64 for label in labels)


def follow_ups(question: Question, answer: Answer, address: str) -> tuple[Question, ...]:
    """What pyspf asks next for certain, so that it can be asked at once: the hosts of an MX or PTR answer."""
    if not answer or question.kind not in (Kind.MX, Kind.PTR):
        return ()
    hosts = [each[1] if isinstance(each, tuple) else each for each in answer[:MAX_HOSTS]]
    kind = Kind.AAAA if ":" in address and not address.lower().startswith("::ffff:") else Kind.A
    return tuple([Question(kind, host.lower()) for host in hosts if isinstance(host, str) and _can_be_asked(host)])


class Evaluation:
    """check_host() of RFC 7208 4 for one identity: `advance` until it is a result."""

    def __init__(self, address: str, helo: str, sender: Address | None, receiver: str) -> None:
        self._identity = Identity.HELO if sender is None else Identity.MAILFROM
        self._sender = Address("postmaster", helo) if sender is None else sender
        self._learned = _Learned()
        self._query = _Query(self._learned, address, helo, self._sender, receiver)

    @property
    def octets(self) -> int:
        """How much policy has been read."""
        return self._learned.octets

    @property
    def lookups(self) -> int:
        """How many terms that ask DNS were looked at (RFC 7208 4.6.4)."""
        return int(self._query.lookups)

    @property
    def depends_on_local(self) -> bool:
        """Whether the part of the sender before the @ was of any importance."""
        return self._query.depends_on_local

    def answer(self, question: Question, answer: Answer) -> None:
        """Take an answer, asked for or foreseen."""
        self._learned.answers[question] = answer
        if question.kind is Kind.TXT and answer:
            self._learned.octets += sum([len(each) for each in answer if isinstance(each, bytes) and is_policy(each)])

    def advance(self) -> Question | Result:
        """Evaluate as far as the answers reach."""
        try:
            status, _, text = self._query.run()
            explanation = ""
            if status == Status.FAIL and isinstance(text, _Explanation):
                explanation = self._query.explain(text)
        except _Missing as missing:
            return missing.question
        except _FAULTS as fault:
            return self.result(Status.PERMERROR, f"The policy cannot be evaluated: {type(fault).__name__}.")
        reason = text if status in (Status.TEMPERROR, Status.PERMERROR) else ""
        return self.result(
            Status(status), _printable(reason, 200), explanation, _printable(self._query.mechanism or "", 100)
        )

    def result(self, status: Status, reason: str = "", explanation: str = "", mechanism: str = "") -> Result:
        """A result of this evaluation."""
        sender = "" if self._identity is Identity.HELO else str(self._sender)
        return Result(status, self._identity, self._sender.domain, sender, reason, explanation, mechanism)


class _Learned:
    def __init__(self) -> None:
        self.answers: dict[Question, Answer] = {}
        self.octets = 0


class _Missing(BaseException):
    """An answer is missing. No Exception, because pyspf must not take it for one of its own."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        self.question = question


class _Explanation(str):
    """Where the explanation stands, and the domain that named it."""

    __slots__ = ("domain",)
    domain: str


class _Query(pyspf.query):  # type: ignore[misc]
    """pyspf's evaluation over what is known. Its attributes with one letter are the macros."""

    def __init__(self, learned: _Learned, address: str, helo: str, sender: Address, receiver: str) -> None:
        super().__init__(i=address, s=f"{sender.local}@{sender.domain}", h=helo, receiver=receiver)
        self.l, self.o, self.d = sender.local or "postmaster", sender.domain, sender.domain
        self._learned = learned
        self._address = address
        self._valid: dict[tuple[str, str], Any] = {}
        self._matches: dict[tuple[tuple[str, ...], int], bool] = {}
        self.depends_on_local = False

    def run(self) -> tuple[str, int, str]:
        self.exps = dict(self.defexps)
        self.p = None
        found: tuple[str, int, str] = self.check()
        return found

    def dns(
        self,
        name: str,
        qtype: str,
        cnames: Mapping[str, str] | None = None,  # noqa: ARG002 - pyspf's own way of following aliases
        ignore_void: bool = False,  # noqa: FBT001, FBT002 - pyspf's signature
    ) -> list[Any]:
        """Answer from what is known. The resolver has followed aliases already."""
        name = str(name).removesuffix(".").lower()
        if not _can_be_asked(name):
            return []
        found = self._known(Question(Kind(qtype), name))
        if not found:
            self._count_void(ignore_void=ignore_void)
            return []
        return [[each] for each in found] if qtype == Kind.TXT else list(found)

    def dns_ptr(self, i: str) -> list[Any]:  # noqa: ARG002 - pyspf's signature
        return list(self._known(Question(Kind.PTR, self._address)))

    def _known(self, question: Question) -> Sequence[Any]:
        if question not in self._learned.answers:
            raise _Missing(question)
        answer = self._learned.answers[question]
        if answer is None:
            raise pyspf.TempError(f"DNS gave no answer: {question.kind} {question.name}")
        return answer

    def _count_void(self, *, ignore_void: bool) -> None:
        """RFC 7208 4.6.4: two answers without anything in them are enough."""
        if ignore_void:
            return
        self.void_lookups += 1
        if self.void_lookups > pyspf.MAX_VOID_LOOKUPS:
            raise pyspf.PermError("More than two lookups without an answer")

    def dns_spf(self, domain: str) -> str | None:
        record: str | None = super().dns_spf(domain)
        if record and not record.isprintable():  # RFC 7208 4.6.1: only blanks separate terms
            raise pyspf.PermError("The policy has control characters")
        if record and (len(record) > MAX_RECORD or max(map(len, record.split(" "))) > MAX_TERM):
            raise pyspf.PermError("The policy is longer than can be meant")
        return record

    def validated_ptrs(self) -> list[str]:
        """RFC 7208 5.5: what fails is skipped.

        The client names these hosts, so that they use up none of the domain's void lookups.
        """
        try:
            names = self.dns_ptr(self.i)[:MAX_HOSTS]
        except pyspf.TempError:
            return []
        return [name for name in names if self._is_confirmed(name)]

    def _is_confirmed(self, name: str) -> bool:
        try:
            return self.cidrmatch(self.dns(name, self.A, ignore_void=True), self.cidrmax)
        except pyspf.TempError:
            return False

    def validate_mechanism(self, mech: str) -> Any:
        """Read a mechanism once for a domain, however often the evaluation runs."""
        key = mech, self.d
        found = self._valid.get(key)
        if found is None:
            found = self._valid[key] = super().validate_mechanism(mech)
        return found

    def cidrmatch(self, ipaddrs: Sequence[str], n: int) -> bool:
        key = tuple(ipaddrs), n
        found = self._matches.get(key)
        if found is None:
            found = self._matches[key] = bool(super().cidrmatch(ipaddrs, n))
        return found

    def expand(self, s: str, stripdot: bool = True) -> str:  # noqa: FBT001, FBT002 - pyspf's signature
        """Expand macros, and cut a name that is too long as far as it takes (RFC 7208 7.3)."""
        if "%" in s and any(letter.lower() in "ls" for letter in _MACRO.findall(s)):
            self.depends_on_local = True
        expanded: str = super().expand(s, stripdot)
        while stripdot and len(expanded) > MAX_NAME and "." in expanded:
            expanded = expanded.partition(".")[2]
        return expanded

    def get_explanation(self, spec: str) -> str:
        """Note where the explanation stands; only a sender that fails gets to read it (RFC 7208 6.2)."""
        explanation = _Explanation(spec)
        explanation.domain = self.d
        return explanation

    def explain(self, where: _Explanation) -> str:
        """Look the explanation up and expand it, word for word; '' where anything about it is wrong."""
        try:
            texts = self.dns(where, Kind.TXT, ignore_void=True)
            if len(texts) != 1 or not texts[0][0].isascii():
                return ""
            self.d = where.domain
            words = texts[0][0][: 2 * MAX_EXPLANATION].decode("ascii").split(" ")
            return _printable(" ".join([self.expand(word, False) for word in words]), MAX_EXPLANATION)
        except (pyspf.PermError, pyspf.TempError):
            return ""
        finally:
            self.d = self.o


def _can_be_asked(name: str) -> bool:
    """Whether DNS could hold the name. RFC 8616 4: a local part outside ASCII never makes one."""
    if len(name) > MAX_NAME or not _ASKABLE.fullmatch(name):
        return False
    return all(0 < len(label) < 64 for label in name.split("."))


def _printable(text: str, most: int) -> str:
    return "".join([letter if " " <= letter <= "~" else "?" for letter in text[:most]])
