"""Which policy each mail host of a destination is held to: DANE before MTA-STS before what the host can do."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from mailserver.entities.transport import Fault, PolicyType, ResultType, StsAnswer
from mailserver.mail import mtasts, tlsa
from mailserver.mail.mtasts import Mode, Policy
from mailserver.mail.resolver import HostAnswer, LookupFailed, Tlsa, TlsaAnswer
from mailserver.queue.demand import Demand
from mailserver.queue.tls import TlsLevel


class TlsaRecords(Protocol):
    """Who answers questions for TLSA records."""

    async def tlsa(self, name: str) -> TlsaAnswer:
        """TLSA records; LookupFailed where DNS gave no answer that can be believed."""
        ...


class StsPolicies(Protocol):
    """Who knows the MTA-STS policies of others."""

    async def find(self, domain: str) -> StsAnswer:
        """The policy that mail to a domain is held to."""
        ...


class NoStsPolicies:
    """For a server that takes no notice of MTA-STS."""

    async def find(self, domain: str) -> StsAnswer:
        """No policy."""
        del domain
        return StsAnswer()


class Policies:
    """What is demanded of hosts, and which of them are known for sure."""

    def __init__(self, resolver: TlsaRecords, sts: StsPolicies) -> None:
        self._resolver = resolver
        self._sts = sts

    async def of_domain(
        self, domain: str, hosts: Mapping[str, HostAnswer], port: int, *, is_signed: bool
    ) -> tuple[dict[str, Demand], frozenset[str]]:
        """A demand for each mail host of a domain, and the hosts that its MTA-STS policy names.

        `is_signed` says whether DNSSEC vouches for the list of the hosts.
        """
        sts, dane = await asyncio.gather(
            self._sts.find(domain),
            asyncio.gather(*(self._dane(domain, host, answer, port) for host, answer in hosts.items() if is_signed)),
            return_exceptions=True,  # so that nothing is left behind where one of them fails
        )
        if isinstance(sts, BaseException):
            raise sts
        if isinstance(dane, BaseException):
            raise dane
        patterns = sts.policy.hosts if sts.policy is not None else ()
        found = dict(zip(hosts, dane, strict=True)) if is_signed else {}
        demands = {host: _with_sts(domain, host, found.get(host), sts) for host in hosts}
        return demands, frozenset(host for host in hosts if mtasts.matches(patterns, host))

    async def of_smarthost(self, host: str, answer: HostAnswer, port: int) -> Demand:
        """The demand for a host that the operator named, which no policy of the recipients' says anything about."""
        return await self._dane(host, host, answer, port) or Demand(domain=host)

    async def _dane(self, domain: str, host: str, known: HostAnswer, port: int) -> Demand | None:
        """What TLSA records make of a host (RFC 7672 2.2); None where there are none to be believed.

        Where the host is a signed alias, they are looked for at its real name first (RFC 7672 2.2.3).
        """
        if not known.authentic:
            return None
        if known.canonical:
            at_real_name = await self._dane_at(domain, host, known.canonical, port)
            if at_real_name is not None:
                return at_real_name
        return await self._dane_at(domain, host, host, port)

    async def _dane_at(self, domain: str, host: str, base: str, port: int) -> Demand | None:
        demand = Demand(PolicyType.TLSA, TlsLevel.VERIFIED, domain=domain, policy_domain=base)
        try:
            answer = await self._resolver.tlsa(f"_{port}._tcp.{base}")
        except LookupFailed:
            # RFC 7672 2.1.2: whoever can suppress the answer must not thereby get the mail in clear.
            text = f"DNS gave no answer that can be believed about the TLSA records of {base}, so nothing is sent there"
            return replace(demand, fault=Fault(ResultType.DNSSEC_INVALID, "tlsa-lookup", text), is_closed=True)
        if not answer.records or not answer.authentic:
            return None
        strings = tuple(tlsa.text(record) for record in answer.records[: tlsa.MOST_RECORDS])
        usable = tlsa.usable(answer.records)
        if usable:
            # RFC 7672 3.2.2: below a trust anchor one of the host's names counts, or that of the domain.
            names = tuple(dict.fromkeys((base, host, domain))) if _has_anchor(usable) else ()
            return replace(demand, records=usable, names=names, strings=strings)
        text = f"None of the TLSA records of {base} can be used"
        fault = Fault(ResultType.TLSA_INVALID, "unusable", text)
        return replace(demand, least=TlsLevel.ENCRYPTED, fault=fault, strings=strings)  # RFC 7672 2.2


def _has_anchor(records: tuple[Tlsa, ...]) -> bool:
    return any(record.usage == tlsa.TRUST_ANCHOR for record in records)


def _with_sts(domain: str, host: str, dane: Demand | None, sts: StsAnswer) -> Demand:
    """RFC 8461 2: what DANE says of a host, no MTA-STS policy may unsay."""
    if dane is not None and (dane.records or dane.is_closed):
        return dane
    if sts.policy is not None and (dane is None or sts.policy.mode is Mode.ENFORCE):
        return _sts(domain, host, sts.policy, sts.lines)
    if dane is not None:
        return dane
    if sts.fault is not None:
        return Demand(PolicyType.STS, fault=sts.fault, domain=domain, policy_domain=domain)
    return Demand(domain=domain)


def _sts(domain: str, host: str, policy: Policy, lines: tuple[str, ...]) -> Demand:
    is_enforced = policy.mode is Mode.ENFORCE
    demand = Demand(
        PolicyType.STS,
        TlsLevel.VERIFIED if is_enforced else TlsLevel.CLEAR,
        patterns=policy.hosts,
        domain=domain,
        policy_domain=domain,
        strings=lines,
    )
    if mtasts.matches(policy.hosts, host):
        return demand
    # RFC 8461 4.1: such a host is not connected to.
    text = f"{host} is none of the mail hosts that the MTA-STS policy of {domain} names"
    return replace(demand, fault=Fault(ResultType.VALIDATION_FAILURE, "mx-mismatch", text), is_closed=is_enforced)
