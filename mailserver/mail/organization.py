"""The DNS Tree Walk: whose policy holds for a domain, and which organisation it belongs to (RFC 9989 4.10)."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.mail import dmarc_record
from mailserver.mail.dmarc_record import Policy

MOST_QUERIES = 8  # RFC 9989 4.10
Answers = Mapping[str, tuple[bytes, ...] | None]  # TXT records at _dmarc.<name>; None where DNS gave no answer


@dataclass(frozen=True, slots=True)
class Found:
    """A policy record and the domain that publishes it."""

    domain: str
    policy: Policy
    record: bytes


@dataclass(frozen=True, slots=True)
class Walk:
    """What one walk came to. `organization` is None where a failure of DNS leaves it open; so is `applies`, then.

    `is_open` says that a failure leaves open which policy applies.
    """

    organization: str | None
    applies: Found | None
    is_open: bool = False


def names(domain: str) -> tuple[str, ...]:
    """The domains to ask, eight at most: itself, then those above it (RFC 9989 4.10)."""
    labels = domain.split(".")
    start = len(labels) - (MOST_QUERIES - 1) if len(labels) >= MOST_QUERIES else 1
    return (domain, *[".".join(labels[index:]) for index in range(max(start, 1), len(labels))])


def walk(domain: str, answers: Answers) -> Walk:
    """Draw the conclusions from the answers."""
    found: list[Found] = []
    is_broken = False
    for name in names(domain):
        records = answers.get(name)
        if records is None:
            is_broken = True
            break
        single = dmarc_record.single(records)
        if single is not None:
            found.append(Found(name, single[1], single[0]))
            if single[1].psd != "u":
                break
    own = found[0] if found and found[0].domain == domain else None
    if is_broken:
        return Walk(None, own, is_open=own is None)
    organization = _organization(domain, found)
    return Walk(organization, own or _policy_above(organization, found))


def _organization(domain: str, found: list[Found]) -> str:
    """RFC 9989 4.10.2."""
    if not found:
        return domain
    last = found[-1]  # only the last can have a psd tag: the walk stops there
    if last.policy.psd == "y" and last.domain != domain:
        above = last.domain.count(".") + 1
        return ".".join(domain.split(".")[-above - 1 :])
    return last.domain


def _policy_above(organization: str, found: list[Found]) -> Found | None:
    """The organisation's own record, else that of the public suffix it is under (RFC 9989 4.10.1)."""
    for each in found:
        if each.domain == organization:
            return each
    return found[-1] if found and found[-1].policy.psd == "y" else None
