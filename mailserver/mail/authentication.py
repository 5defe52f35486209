"""What was found out about who sent a message, as one value: for its header, for the API, for those who decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mailserver.mail import dkim, dmarc, results, spf
from mailserver.mail.dkim_signature import Result as DkimResult
from mailserver.mail.dmarc import Result as DmarcResult
from mailserver.mail.iprev import Result as IprevResult
from mailserver.mail.results import Claim
from mailserver.mail.spf import Result as SpfResult


class ArcResult(Protocol):
    """What a message's ARC chain is worth (RFC 8617)."""

    def claim(self) -> Claim:
        """The result as Authentication-Results has it."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """The result as the API has it."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """The results of all methods. For the null sender `spf` is that of HELO, as DMARC wants it (RFC 7208 2.4)."""

    spf: SpfResult
    helo_spf: SpfResult
    dkim: tuple[DkimResult, ...]
    dmarc: DmarcResult
    iprev: IprevResult
    arc: ArcResult | None = None
    is_aggregate: bool = False  # the message is a report itself, which no report tells of

    @property
    def is_authenticated(self) -> bool:
        """Whether anybody answers for it: SPF or a signature passed."""
        return self.spf.status is spf.Status.PASS or any(each.status is dkim.Status.PASS for each in self.dkim)

    @property
    def proves_author(self) -> bool:
        """Whether what passed is the author's own domain or one above it, even where that has no DMARC policy."""
        if self.dmarc.status is dmarc.Status.PASS:
            return True
        if self.dmarc.status is not dmarc.Status.NONE or not self.dmarc.domain:
            return False
        passed = [each.domain for each in self.dkim if each.status is dkim.Status.PASS]
        if self.spf.status is spf.Status.PASS:
            passed.append(self.spf.domain)
        author = self.dmarc.domain
        return any(one and (author == one or author.endswith(f".{one}")) for one in map(str.lower, passed))

    def claims(self) -> tuple[Claim, ...]:
        """The results as Authentication-Results has them."""
        found = [_spf(self.spf)]
        if self.helo_spf != self.spf and self.helo_spf.status is not spf.Status.NONE:
            found.append(_spf(self.helo_spf))
        found += [_dkim(each) for each in self.dkim]
        found.append(_dmarc(self.dmarc))
        if self.arc is not None:
            found.append(self.arc.claim())
        found.append(Claim("iprev", self.iprev.status, (("policy.iprev", self.iprev.address),)))
        return tuple(found)

    def field(self, authserv_id: str) -> bytes:
        """The whole Authentication-Results field with its CRLF (RFC 8601 2)."""
        return results.field(authserv_id, self.claims())

    def as_json(self) -> dict[str, Any]:
        """The results as the API and the stored verdict have them."""
        return {
            "spf": _spf_json(self.spf),
            "helo_spf": _spf_json(self.helo_spf),
            "dkim": [_dkim_json(each) for each in self.dkim],
            "dmarc": _dmarc_json(self.dmarc),
            "arc": None if self.arc is None else dict(self.arc.as_json()),
            "iprev": {
                "result": str(self.iprev.status), "address": self.iprev.address, "name": self.iprev.name,
            },
        }  # fmt: skip


def _spf(result: SpfResult) -> Claim:
    if result.identity is spf.Identity.HELO:
        return Claim("spf", result.status, (("smtp.helo", result.domain),), result.reason)
    return Claim("spf", result.status, (("smtp.mailfrom", result.sender or result.domain),), result.reason)


def _dkim(result: DkimResult) -> Claim:
    if result.status is dkim.Status.NONE:
        return Claim("dkim", result.status)
    properties = (
        ("header.d", result.domain), ("header.s", result.selector), ("header.a", result.algorithm),
        ("header.i", "" if result.identity == f"@{result.domain}" else result.identity), ("header.b", result.signature),
    )  # fmt: skip
    return Claim("dkim", result.status, properties, result.reason)


def _dmarc(result: DmarcResult) -> Claim:
    properties = [("header.from", result.domain)]
    if result.policy.is_applicable:
        properties.append(("policy.dmarc", result.disposition))
    return Claim("dmarc", result.status, tuple(properties), "" if result.status is dmarc.Status.NONE else result.reason)


def _spf_json(result: SpfResult) -> dict[str, Any]:
    return {
        "result": str(result.status), "identity": str(result.identity), "domain": result.domain,
        "reason": result.reason, "explanation": result.explanation, "mechanism": result.mechanism,
    }  # fmt: skip


def _dkim_json(result: DkimResult) -> dict[str, Any]:
    return {
        "result": str(result.status), "domain": result.domain, "selector": result.selector,
        "algorithm": result.algorithm, "identity": result.identity, "key_bits": result.key_bits,
        "is_test": result.is_test, "reason": result.reason,
    }  # fmt: skip


def _dmarc_json(result: DmarcResult) -> dict[str, Any]:
    policy = result.policy
    return {
        "result": str(result.status), "domain": result.domain, "policy_domain": result.policy_domain,
        "disposition": str(result.disposition), "spf_aligned": result.spf_aligned,
        "dkim_aligned": result.dkim_aligned, "reason": result.reason, "record": result.record,
        "policy": {
            "p": policy.p, "sp": policy.sp, "np": policy.np, "adkim": policy.adkim, "aspf": policy.aspf,
            "testing": policy.is_testing, "psd": policy.psd, "fo": _listed(policy.fo), "rua": list(policy.rua),
            "ruf": list(policy.ruf),
        },
    }  # fmt: skip


def _listed(options: Sequence[str]) -> str:
    return ":".join(options)
