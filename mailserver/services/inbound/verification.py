"""Who sent a message: SPF, DKIM, DMARC, ARC and the reverse name, side by side under one deadline.

Nothing here decides about a message, and nothing here can lose one: what DNS does not tell in time is temperror.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol, Self

import structlog

from mailserver.mail import authentication, canonical, dkim, dmarc, iprev, organization, spf
from mailserver.mail.authentication import ArcResult
from mailserver.mail.canonical import BodyDigest, Form
from mailserver.mail.dkim_verify import Bodies, Inspection, Keys
from mailserver.mail.dmarc import Authenticated, Authors
from mailserver.mail.envelope import Envelope
from mailserver.mail.iprev import Result as IprevResult
from mailserver.mail.resolver import LookupFailed
from mailserver.mail.spf import Result as SpfResult
from mailserver.memory import Memory
from mailserver.services.inbound import body
from mailserver.services.inbound.body import Body
from mailserver.services.inbound.dns_watch import Dns, WatchedDns
from mailserver.services.inbound.spf_check import SpfCheck
from mailserver.services.mailbox.acceptance import Content

WORK_SECONDS = 30.0  # in a thread: a body of 50 MB takes one
IPREV_SECONDS = 60.0  # that a peer's name is believed without asking again
MOST_PEERS = 10_000
Report = authentication.Report
log = structlog.get_logger()


class ArcInspection(Protocol):
    """A chain that was read: what it needs, and what it is worth then (RFC 8617 5.2)."""

    @property
    def questions(self) -> Collection[str]:
        """The names of its keys."""
        ...

    @property
    def wanted(self) -> Collection[Form]:
        """The forms in which it needs the body hashed."""
        ...

    def judge(self, keys: Keys, bodies: Bodies) -> ArcResult:
        """Check every seal; it runs in a thread."""
        ...


class Arc(Protocol):
    """The ARC step. Its keys are asked for and its body hashed together with those of DKIM."""

    def inspect(self, fields: Sequence[tuple[bytes, bytes]], at: int) -> ArcInspection | None:
        """Read the chain of a header; None where there is none. `at` is in unix seconds."""
        ...


@dataclass(slots=True)
class _Findings:
    """What is known so far; it starts as what is to be said if DNS says nothing."""

    spf: SpfResult
    helo_spf: SpfResult
    iprev: IprevResult
    keys: dict[str, Sequence[bytes] | None] = field(default_factory=dict)
    policies: dict[str, tuple[bytes, ...] | None] = field(default_factory=dict)
    exists: dict[str, bool] = field(default_factory=dict)


class Verification:
    """Reports on messages. One for the process."""

    def __init__(
        self,
        resolver: Dns,
        executor: Executor,
        hostname: str,
        deadline_seconds: float,
        arc: Arc | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dns = WatchedDns(resolver)
        self._executor = executor
        self._deadline = deadline_seconds
        self._arc = arc
        self._spf = SpfCheck(self._dns, executor, hostname, clock)
        self._peers: Memory[str, IprevResult] = Memory(IPREV_SECONDS, MOST_PEERS, clock)

    async def report(self, envelope: Envelope, content: Content) -> Report:
        """Find out about a message that is whole. It never raises, and leaves the content as it is."""
        try:
            return await self._report(envelope, content)
        except Exception:  # whatever a stranger's header brings about here, the message goes on
            log.exception("verification.report.failed")
            return self._nothing(envelope)

    async def _report(self, envelope: Envelope, content: Content) -> Report:
        raw = body.head(content)
        end, start = dkim.border(raw)
        fields = canonical.fields(raw[:end])
        at = int(time.time())
        people = dmarc.authors([each.partition(b":")[2] for name, each in fields if name == b"from"])
        inspection = Inspection(fields, people.domains, at)
        chain = None if self._arc is None else self._arc.inspect(fields, at)
        findings = self._unknown(envelope)
        if not inspection.is_signed and chain is None:
            await self._ask(envelope, findings, people, inspection, chain)
            return self._conclude(findings, people, inspection.judge({}, {}), None)
        async with _Checking(self._executor, inspection, chain, Body(content, start)) as checking:
            await self._ask(envelope, findings, people, inspection, chain)
            signatures, arc = await checking.judge(findings.keys)
        return self._conclude(findings, people, signatures, arc)

    async def _ask(
        self,
        envelope: Envelope,
        findings: _Findings,
        people: Authors,
        inspection: Inspection,
        chain: ArcInspection | None,
    ) -> None:
        """Ask DNS everything at once, for as long as the deadline is away."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._deadline
        names = dict.fromkeys([*inspection.questions, *(chain.questions if chain else ())])
        try:
            async with asyncio.timeout(self._dns.patience(self._deadline)) as limit:

                def wait_longer() -> None:
                    if not limit.expired():
                        limit.reschedule(until)

                with self._dns.hearing(wait_longer):
                    async with asyncio.TaskGroup() as group:
                        self._ask_about_peer(group, envelope, findings)
                        for name in names:
                            group.create_task(self._key(name, findings))
                        if people.domains:
                            group.create_task(self._walk(findings, people, _identifiers(findings, inspection)))
        except TimeoutError:
            log.info("verification.deadline.passed", silent=self._dns.is_silent)

    def _ask_about_peer(self, group: asyncio.TaskGroup, envelope: Envelope, findings: _Findings) -> None:
        address, helo = _address(envelope), _helo_name(envelope)
        known = self._spf.known(address, helo, None)
        if known is not None:
            findings.helo_spf = known
        if envelope.sender is None:
            findings.spf = findings.helo_spf
        if known is None:
            group.create_task(self._helo(envelope, findings))
        if envelope.sender is not None:
            found = self._spf.known(address, helo, envelope.sender)
            if found is None:
                group.create_task(self._mailfrom(envelope, findings))
            else:
                findings.spf = found
        peer = self._peers.get(address)
        if peer is None:
            group.create_task(self._reverse(address, findings))
        else:
            findings.iprev = peer

    async def _helo(self, envelope: Envelope, findings: _Findings) -> None:
        findings.helo_spf = await self._spf.check(_address(envelope), _helo_name(envelope), None)
        if envelope.sender is None:
            findings.spf = findings.helo_spf

    async def _mailfrom(self, envelope: Envelope, findings: _Findings) -> None:
        findings.spf = await self._spf.check(_address(envelope), _helo_name(envelope), envelope.sender)

    async def _key(self, name: str, findings: _Findings) -> None:
        findings.keys[name] = await self._text(name)

    async def _reverse(self, address: str, findings: _Findings) -> None:
        try:
            pointers: tuple[str, ...] | None = await self._dns.pointers(address)
        except LookupFailed:
            pointers = None
        forward: dict[str, Sequence[str] | None] = {}
        async with asyncio.TaskGroup() as group:
            for name in (pointers or ())[: iprev.MAX_NAMES]:
                group.create_task(self._forward(name, address, forward))
        findings.iprev = iprev.judge(address, pointers, forward)
        if findings.iprev.status is not iprev.Status.TEMPERROR:
            self._peers.put(address, findings.iprev)

    async def _forward(self, name: str, address: str, forward: dict[str, Sequence[str] | None]) -> None:
        try:
            forward[name] = (await self._dns.family(name, 6 if ":" in address else 4)).addresses
        except LookupFailed:
            forward[name] = None

    async def _walk(self, findings: _Findings, people: Authors, identifiers: Iterable[str]) -> None:
        """The tree walks of the authors, then those of identifiers that may belong to the same organisation."""
        await self._policies(findings, [name for domain in people.domains for name in organization.names(domain)])
        others = tuple(identifiers)
        more: list[str] = []
        below: list[str] = []
        for author in people.domains:
            walked = organization.walk(author, findings.policies)
            for candidate in dmarc.candidates(author, walked, others):
                more += organization.names(candidate)
            applies = walked.applies
            if applies is not None and applies.domain != author and applies.policy.np:
                below.append(author)
        if more or below:
            await self._policies(findings, more, below)

    async def _policies(self, findings: _Findings, names: Iterable[str], below: Iterable[str] = ()) -> None:
        async with asyncio.TaskGroup() as group:
            for name in dict.fromkeys(names):
                if name not in findings.policies:
                    group.create_task(self._policy(name, findings))
            for name in below:
                group.create_task(self._existence(name, findings))

    async def _policy(self, name: str, findings: _Findings) -> None:
        findings.policies[name] = await self._text(f"_dmarc.{name}")

    async def _existence(self, name: str, findings: _Findings) -> None:
        try:
            findings.exists[name] = (await self._dns.text(name)).exists
        except LookupFailed:
            return  # a name that DNS is silent about is taken to exist

    async def _text(self, name: str) -> tuple[bytes, ...] | None:
        try:
            return (await self._dns.text(name)).records
        except LookupFailed:
            return None

    def _conclude(
        self, findings: _Findings, people: Authors, signatures: tuple[dkim.Result, ...], arc: ArcResult | None
    ) -> Report:
        found = _authenticated(findings.spf, signatures)
        judged = [dmarc.evaluate(each, findings.policies, found, findings.exists) for each in people.domains]
        verdict = dmarc.combine(people, judged)
        return Report(findings.spf, findings.helo_spf, signatures, verdict, findings.iprev, arc)

    def _unknown(self, envelope: Envelope) -> _Findings:
        late = "DNS did not answer in time."
        name = _helo_name(envelope)
        helo = self._spf.plain(spf.Status.TEMPERROR, name, None, late)
        sender = helo
        if envelope.sender is not None:
            sender = self._spf.plain(spf.Status.TEMPERROR, name, envelope.sender, late)
        return _Findings(sender, helo, IprevResult(iprev.Status.TEMPERROR, _address(envelope)))

    def _nothing(self, envelope: Envelope) -> Report:
        """The report on a message that could not be looked at."""
        findings = self._unknown(envelope)
        reason = "The message could not be checked."
        return Report(
            findings.spf, findings.helo_spf, (dkim.Result(dkim.Status.TEMPERROR, reason=reason),),
            dmarc.Result(dmarc.Status.TEMPERROR, reason=reason), findings.iprev,
        )  # fmt: skip


class _Checking:
    """The work on one message's signatures that belongs into a thread. A long body is hashed while DNS is asked."""

    def __init__(self, executor: Executor, inspection: Inspection, chain: ArcInspection | None, body: Body) -> None:
        self._executor = executor
        self._inspection = inspection
        self._chain = chain
        self._body = body
        self._forms = tuple(dict.fromkeys([*inspection.wanted, *(chain.wanted if chain else ())]))
        self._hashing: asyncio.Future[dict[Form, BodyDigest]] | None = None

    async def __aenter__(self) -> Self:
        if self._forms and not self._body.is_small:
            try:
                self._hashing = self._hash()
            except BaseException:
                self._body.close()
                raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._body.stop()  # the thread closes it, where there is one: it may be reading still
        if self._hashing is None:
            self._body.close()

    def _hash(self) -> "asyncio.Future[dict[Form, BodyDigest]]":
        work = asyncio.get_running_loop().run_in_executor(self._executor, self._body.digests, self._forms)
        work.add_done_callback(lambda _: self._body.close())
        return work

    async def judge(self, keys: Keys) -> tuple[tuple[dkim.Result, ...], ArcResult | None]:
        """Check every signature and seal; what takes too long is a temporary error."""
        try:
            async with asyncio.timeout(WORK_SECONDS):
                bodies = None if self._hashing is None else await asyncio.shield(self._hashing)
                return await asyncio.get_running_loop().run_in_executor(self._executor, self._judge, keys, bodies)
        except TimeoutError:
            log.warning("verification.work.late", seconds=WORK_SECONDS)
            return self._inspection.judge({}, {}), None if self._chain is None else self._chain.judge({}, {})

    def _judge(
        self, keys: Keys, bodies: Mapping[Form, BodyDigest] | None
    ) -> tuple[tuple[dkim.Result, ...], ArcResult | None]:
        if bodies is None:
            bodies = self._body.digests(self._forms) if self._forms else {}
        arc = None if self._chain is None else self._chain.judge(keys, bodies)
        return self._inspection.judge(keys, bodies), arc


def _address(envelope: Envelope) -> str:
    return iprev.plain(envelope.peer.address)


def _helo_name(envelope: Envelope) -> str:
    return envelope.peer.helo.lower().removesuffix(".")


def _identifiers(findings: _Findings, inspection: Inspection) -> tuple[str, ...]:
    return tuple(each for each in (findings.spf.domain, *inspection.domains) if each)


def _authenticated(sender: SpfResult, signatures: Iterable[dkim.Result]) -> Authenticated:
    passed = (sender.domain,) if sender.status is spf.Status.PASS else ()
    undecided = (sender.domain,) if sender.status is spf.Status.TEMPERROR and sender.domain else ()
    return Authenticated(
        passed,
        tuple([each.domain for each in signatures if each.status is dkim.Status.PASS]),
        undecided,
        tuple([each.domain for each in signatures if each.status is dkim.Status.TEMPERROR and each.domain]),
    )
