"""The MTA-STS policies of the domains that we send to: found, fetched, kept and refreshed (RFC 8461)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from mailserver.entities import errors
from mailserver.entities.transport import Fault, ResultType, StoredPolicy, StsAnswer
from mailserver.fetch import CertificateRejected, Fetched, FetchFailed
from mailserver.mail import mtasts
from mailserver.mail.mtasts import Mode, PolicyInvalid
from mailserver.mail.resolver import LookupFailed, TextAnswer
from mailserver.storage import transport
from mailserver.storage.database import Database

FETCH_SECONDS = 60.0  # RFC 8461 3.3
NEGATIVE_MS = 300_000  # RFC 8461 3.3: a few minutes, so that a web server that is down is not asked for every message
DAY_MS = 86_400_000
SOON_MS = DAY_MS  # a policy that ends within this is fetched again before it is relied on
REFRESH_MS = DAY_MS  # RFC 8461 3.3: daily, so that nobody who blocks the fetch for a while can outwait the policy
UNUSED_MS = 30 * DAY_MS  # a policy that nobody needed for so long is let run out
REFRESHED_AT_ONCE = 8
REFRESHED_IN_A_ROUND = 200
MOST_REMEMBERED = 10_000
ABSENT_MS = 3_600_000

T = TypeVar("T")

log = structlog.get_logger()


class Texts(Protocol):
    """Who answers questions for TXT records."""

    async def text(self, name: str) -> TextAnswer:
        """TXT records; LookupFailed where DNS gave no answer."""
        ...


class Web(Protocol):
    """Who fetches over HTTPS."""

    async def get(
        self, url: str, *, limit_bytes: int, timeout_seconds: float, port: int | None, trust: Path | None
    ) -> Fetched:
        """Get a resource without following redirects; FetchFailed where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class _Failure:
    policy_id: str
    fault: Fault
    until: int


class StsPolicies:
    """One for the process. The database is what the nodes share; memory spares it."""

    def __init__(
        self,
        database: Database,
        resolver: Texts,
        web: Web,
        clock: Callable[[], int],
        https_port: int | None = None,
        authorities: Path | None = None,
    ) -> None:
        self._database = database
        self._resolver = resolver
        self._web = web
        self._clock = clock
        self._https_port = https_port
        self._authorities = authorities
        self._known: dict[str, StoredPolicy] = {}
        self._parsed: dict[str, StsAnswer] = {}
        self._failed: dict[str, _Failure] = {}
        self._absent: dict[str, int] = {}  # until when the database is known to have nothing
        self._used: dict[str, int] = {}
        self._fetching: dict[str, asyncio.Future[Fault | None]] = {}

    async def find(self, domain: str) -> StsAnswer:
        """The policy that mail to a domain is held to just now; errors.Temporary where the store does not answer."""
        announced = await self._announced(domain)
        kept = await self._kept(domain, announced)
        fault = None
        if announced is not None and (kept is None or kept.policy_id != announced or self._is_ending(kept)):
            fault = await self._fetch_once(domain, announced)
            kept = self._known.get(domain) if fault is None else kept
        if kept is None:
            return StsAnswer(fault=fault)
        await self._note_use(domain)
        return self._answer(kept)

    async def refresh(self) -> int:
        """Fetch again, well before they end, the policies of domains that mail goes to; how many were."""
        now = self._clock()
        await self._database.write(transport.forget_expired, now)
        done = 0
        while stale := await self._database.write(
            transport.claim_stale, now - REFRESH_MS, now - UNUSED_MS, now, REFRESHED_IN_A_ROUND
        ):
            gate = asyncio.Semaphore(REFRESHED_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for one in stale:
                    group.create_task(self._refresh(one, gate))
            done += len(stale)
        return done

    async def _announced(self, domain: str) -> str | None:
        """The id in the domain's TXT record. DNS that does not answer takes no policy away that is kept."""
        try:
            answer = await self._resolver.text(f"_mta-sts.{domain}")
        except LookupFailed:
            return None
        return mtasts.policy_id(answer.records)

    async def _kept(self, domain: str, announced: str | None) -> StoredPolicy | None:
        """What is kept and has not run out. What another node has fetched is in the database."""
        known = self._known.get(domain)
        is_current = known is not None and known.expires_at > self._clock() and announced in (None, known.policy_id)
        is_absent = known is None and announced is None and self._absent.get(domain, 0) > self._clock()
        if not is_current and not is_absent:
            known = await self._database.read(transport.policy, domain)
            if known is None:
                _put(self._absent, domain, self._clock() + ABSENT_MS)
            else:
                self._remember(known)
        return known if known is not None and known.expires_at > self._clock() else None

    def _is_ending(self, kept: StoredPolicy) -> bool:
        """Within a day of its end, or in the last quarter of a policy that lives for less."""
        left = kept.expires_at - self._clock()
        return left < min(SOON_MS, (kept.expires_at - kept.fetched_at) // 4)

    async def _fetch_once(self, domain: str, announced: str) -> Fault | None:
        """Fetch, once for everybody who wants to know; why it failed, now or minutes ago."""
        failed = self._failed.get(domain)
        if failed is not None and failed.policy_id == announced and failed.until > self._clock():
            return failed.fault
        under_way = self._fetching.get(domain)
        if under_way is not None:
            try:
                return await asyncio.shield(under_way)
            except asyncio.CancelledError:
                if not under_way.cancelled():
                    raise
                return await self._fetch_once(domain, announced)  # the first one was cancelled, and nothing is known
        answer: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
        self._fetching[domain] = answer
        try:
            fault = await self._fetch(domain, announced)
        except BaseException:
            answer.cancel()
            raise
        finally:
            del self._fetching[domain]
        answer.set_result(fault)
        return fault

    async def _fetch(self, domain: str, announced: str) -> Fault | None:
        found = await self._download(domain)
        if isinstance(found, Fault):
            log.warning("transport.policy.missed", domain=domain, result=found.result.value, error=found.text)
            _put(self._failed, domain, _Failure(announced, found, self._clock() + NEGATIVE_MS))
            return found
        self._failed.pop(domain, None)
        now = self._clock()
        expires_at = now + mtasts.parse(found).max_age_seconds * 1000
        fetched = StoredPolicy(domain, announced, found, now, expires_at)
        self._remember(fetched)
        log.info("transport.policy.fetched", domain=domain, mode=fetched.policy.mode.value, expires_at=expires_at)
        try:
            await self._database.write(transport.keep, fetched, now)
        except errors.Temporary as error:  # it holds in memory; the next fetch stores it
            log.error("transport.policy.unwritten", domain=domain, error=error.message)
        return None

    async def _download(self, domain: str) -> bytes | Fault:
        """The policy's text as RFC 8461 3.3 wants it, or what is wrong."""
        host = f"mta-sts.{domain}"
        try:
            answer = await self._web.get(
                f"https://{host}/.well-known/mta-sts.txt",
                limit_bytes=mtasts.LARGEST_POLICY_BYTES,
                timeout_seconds=FETCH_SECONDS,
                port=self._https_port,
                trust=self._authorities,
            )
        except CertificateRejected as error:
            return Fault(ResultType.STS_WEBPKI_INVALID, "certificate", str(error))
        except FetchFailed as error:
            return Fault(ResultType.STS_POLICY_FETCH_ERROR, "no-answer", str(error))
        if answer.status != 200:
            text = f"{host} answered {answer.status} when asked for its policy"
            return Fault(ResultType.STS_POLICY_FETCH_ERROR, f"http-{answer.status}", text)
        if answer.content_type != "text/plain":
            text = f"{host} gave a policy of the type {answer.content_type[:100] or 'unknown'}, not text/plain"
            return Fault(ResultType.STS_POLICY_FETCH_ERROR, "content-type", text)
        try:
            mtasts.parse(answer.body)
        except PolicyInvalid as error:
            return Fault(ResultType.STS_POLICY_INVALID, "syntax", f"{error}, at {host}")
        return answer.body

    async def _refresh(self, stale: StoredPolicy, gate: asyncio.Semaphore) -> None:
        """The id of the record that announces it may have changed meanwhile; without a record the old one stays."""
        async with gate:
            announced = await self._announced(stale.domain)
            await self._fetch_once(stale.domain, announced or stale.policy_id)

    async def _note_use(self, domain: str) -> None:
        now = self._clock()
        if now - self._used.get(domain, 0) < DAY_MS:
            return
        _put(self._used, domain, now)
        try:
            await self._database.write(transport.use, domain, now)
        except errors.Temporary as error:
            log.error("transport.policy.unwritten", domain=domain, error=error.message)

    def _answer(self, kept: StoredPolicy) -> StsAnswer:
        answer = self._parsed.get(kept.domain)
        if answer is None:
            policy = kept.policy
            answer = StsAnswer() if policy.mode is Mode.NONE else StsAnswer(policy, mtasts.lines(kept.body))
            _put(self._parsed, kept.domain, answer)
        return answer

    def _remember(self, policy: StoredPolicy) -> None:
        _put(self._known, policy.domain, policy)
        self._parsed.pop(policy.domain, None)


def _put(memory: dict[str, T], key: str, value: T) -> None:
    """Remember; the oldest ones make room."""
    memory.pop(key, None)
    while len(memory) >= MOST_REMEMBERED:
        del memory[next(iter(memory))]
    memory[key] = value
