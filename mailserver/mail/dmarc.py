"""DMARC: whether what was authenticated is the author's, and else what the author's domain asks for (RFC 9989)."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailserver.mail import address, headers, organization
from mailserver.mail.address import AddressError
from mailserver.mail.dmarc_record import REQUESTS, Disposition, Policy
from mailserver.mail.organization import Answers, Found, Walk

NO_POLICY = Policy()
MAX_FROM = 8 * 1024  # octets of From that are read
MAX_AUTHORS = 5  # domains in From that are looked up: honest mail has one
_PLAIN = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)


class Status(StrEnum):
    """The results of RFC 9989 and RFC 8601 2.7.5."""

    PASS = "pass"  # noqa: S105 - a word of the RFC, no secret
    FAIL = "fail"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Result:
    """What DMARC says. `disposition` is what the domain asks for, after t=y; `policy` is as it was published."""

    status: Status
    domain: str = ""
    policy_domain: str = ""
    policy: Policy = NO_POLICY
    disposition: Disposition = "none"
    spf_aligned: bool = False
    dkim_aligned: bool = False
    record: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Authors:
    """The domains of From, as A-labels. `defect` says what is wrong with the field; such mail never passes."""

    domains: tuple[str, ...]
    defect: str = ""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """What SPF and DKIM found: domains that passed, and domains that could not be checked for want of DNS."""

    spf_passed: tuple[str, ...] = ()
    dkim_passed: tuple[str, ...] = ()
    spf_undecided: tuple[str, ...] = ()
    dkim_undecided: tuple[str, ...] = ()


def authors(values: Sequence[bytes]) -> Authors:
    """Read the values of all From fields (RFC 9989 5.3.1)."""
    domains: dict[str, None] = {}
    defect = ""
    if len(values) != 1:
        defect = "The message has no From." if not values else "The message has more than one From."
    room = MAX_FROM
    for value in values[:MAX_AUTHORS]:
        if len(value) > room:
            defect = defect or "From is longer than 8 KB."
        people = headers.people(value[:room])
        room = max(0, room - len(value))
        if not people:
            defect = defect or "From has no address."
        for person in people:
            try:
                domains[_domain(person.address)] = None
            except AddressError:
                defect = defect or "From has an address without a domain."
    if len(domains) > MAX_AUTHORS:
        defect = defect or "From names more than five domains."
    return Authors(tuple(domains)[:MAX_AUTHORS], defect)


def _domain(text: str) -> str:
    domain = text.rpartition("@")[2].strip().removesuffix(".")
    if "@" not in text or not domain or domain.startswith("[") or len(domain) > address.MAX_DOMAIN:
        raise AddressError("The address has no domain.")
    if _PLAIN.fullmatch(domain) and "xn--" not in domain.lower():
        return domain.lower()  # most mail; IDNA takes its time
    return address.parse_domain(domain)


def candidates(author: str, walked: Walk, identifiers: Collection[str]) -> tuple[str, ...]:
    """Of the identifiers, those whose organisation needs a walk of its own to be told from the author's."""
    top = walked.organization
    if top is None or walked.applies is None:
        return ()
    return tuple([each for each in dict.fromkeys(identifiers) if each not in (author, top) and _is_below(each, top)])


def evaluate(author: str, answers: Answers, found: Authenticated, exists: Mapping[str, bool] | None = None) -> Result:
    """Judge one author domain. `answers` has the walk of the author and of the `candidates`.

    `exists` knows which names there are; what it does not have is taken to exist.
    """
    walked = organization.walk(author, answers)
    applies = walked.applies
    if walked.is_open:
        return Result(Status.TEMPERROR, author, reason="The policy cannot be looked up now.")
    if applies is None or not applies.policy.is_applicable:
        return Result(Status.NONE, author, reason="The domain has no policy.")
    policy = applies.policy
    alignment = _Alignment(author, walked, answers)
    spf = [alignment.of(domain, policy.aspf) for domain in found.spf_passed]
    dkim = [alignment.of(domain, policy.adkim) for domain in found.dkim_passed]
    undecided = [alignment.of(domain, policy.aspf) for domain in found.spf_undecided]
    undecided += [alignment.of(domain, policy.adkim) for domain in found.dkim_undecided]
    spf_aligned, dkim_aligned = any(spf), any(dkim)
    if spf_aligned or dkim_aligned:
        return _result(Status.PASS, author, applies, "none", spf_aligned=spf_aligned, dkim_aligned=dkim_aligned)
    if None in spf or None in dkim or any(each is not False for each in undecided):
        # RFC 9989 5.3.2: what could still have passed has not failed.
        return _result(Status.TEMPERROR, author, applies, "none", reason="What could be aligned is not known now.")
    request = policy.request(
        is_subdomain=applies.domain != author, exists=True if exists is None else exists.get(author, True)
    )
    return _result(Status.FAIL, author, applies, request, reason="Nothing that passed is of the author's domain.")


def combine(people: Authors, results: Sequence[Result]) -> Result:
    """One result for a message, the worst for it, where From has several domains or is not as it should be."""
    if not results:
        return Result(Status.PERMERROR, reason=people.defect or "From has no domain.")
    worst = max(results, key=_badness)
    if not people.defect:
        return worst
    strictest = max(results, key=lambda each: REQUESTS.index(_strictest(each)))
    return Result(
        Status.FAIL if strictest.policy.is_applicable else Status.PERMERROR,
        strictest.domain, strictest.policy_domain, strictest.policy, _strictest(strictest),
        record=strictest.record, reason=people.defect,
    )  # fmt: skip


class _Alignment:
    """Identifier alignment with one author (RFC 9989 4.4, 4.10.2)."""

    def __init__(self, author: str, walked: Walk, answers: Answers) -> None:
        self._author = author
        self._organization = walked.organization
        self._answers = answers

    def of(self, domain: str, mode: str) -> bool | None:
        """Whether a domain is aligned; None where a failure of DNS leaves it open."""
        if domain == self._author:
            return True
        if mode == "s":
            return False
        top = self._organization
        if top is None:
            # Nothing of another top-level domain can be the same organisation, whatever DNS will say.
            return None if domain.rpartition(".")[2] == self._author.rpartition(".")[2] else False
        if domain == top or not _is_below(domain, top):
            return domain == top
        walked = organization.walk(domain, self._answers)
        return None if walked.organization is None else walked.organization == top


def _is_below(domain: str, top: str) -> bool:
    return domain.endswith(f".{top}")


def _result(
    status: Status,
    author: str,
    applies: Found,
    disposition: Disposition,
    *,
    spf_aligned: bool = False,
    dkim_aligned: bool = False,
    reason: str = "",
) -> Result:
    record = "".join([letter if letter.isprintable() else "?" for letter in applies.record.decode("ascii", "replace")])
    return Result(
        status, author, applies.domain, applies.policy, disposition, spf_aligned, dkim_aligned, record, reason
    )  # fmt: skip


def _badness(result: Result) -> tuple[int, int]:
    order = (Status.PASS, Status.NONE, Status.PERMERROR, Status.TEMPERROR, Status.FAIL)
    return order.index(result.status), REQUESTS.index(result.disposition)


def _strictest(result: Result) -> Disposition:
    """What a domain asks for, even where its own mail would have passed: From with two faces never does."""
    if not result.policy.is_applicable or result.status is Status.FAIL:
        return result.disposition
    return result.policy.request(is_subdomain=result.policy_domain != result.domain, exists=True)
