"""Whether senders can read the MTA-STS policy that a domain announces (RFC 8461)."""

from pathlib import Path
from typing import Protocol

from mailserver.entities.health import Finding, Status
from mailserver.fetch import CertificateRejected, Fetched, FetchFailed
from mailserver.mail import mtasts
from mailserver.mail.mtasts import Policy, PolicyInvalid
from mailserver.mail.resolver import LookupFailed
from mailserver.services.health.premises import Premises, Resolver

FETCH_SECONDS = 10.0
_CHECK = "mta-sts.policy"
_WHY = "Senders keep to the policy that they read there; one that cannot be read protects nothing."


class Web(Protocol):
    """Who fetches over HTTPS."""

    async def get(
        self, url: str, *, limit_bytes: int, timeout_seconds: float, port: int | None, trust: Path | None
    ) -> Fetched:
        """Get a resource without following redirects; FetchFailed where there is none."""
        ...


class StsPolicy:
    """Fetches the policy as a sender does."""

    def __init__(self, premises: Premises, resolver: Resolver, web: Web) -> None:
        self._premises = premises
        self._resolver = resolver
        self._web = web

    async def look(self, domain: str) -> list[Finding]:
        """One finding; skipped where the domain announces no policy."""
        try:
            announced = mtasts.policy_id((await self._resolver.text(f"_mta-sts.{domain}")).records)
        except LookupFailed:
            announced = None
        if announced is None:
            return [self._finding(domain, Status.SKIPPED, "The domain announces no policy that can be read.")]
        try:
            policy = await self._fetch(domain)
        except CertificateRejected as error:
            return [self._unreadable(domain, f"{error}.")]
        except (FetchFailed, PolicyInvalid) as error:
            return [self._unreadable(domain, f"The policy of mta-sts.{domain} cannot be read: {error}")]
        if not mtasts.matches(policy.hosts, self._premises.hostname):
            return [self._unreadable(domain, f"The policy does not name {self._premises.hostname}.")]
        return [self._finding(domain, Status.OK, f"The policy is served, in mode {policy.mode.value}.")]

    async def _fetch(self, domain: str) -> Policy:
        answer = await self._web.get(
            f"https://mta-sts.{domain}/.well-known/mta-sts.txt", limit_bytes=mtasts.LARGEST_POLICY_BYTES,
            timeout_seconds=FETCH_SECONDS, port=self._premises.sts_port, trust=self._premises.authorities,
        )  # fmt: skip
        if answer.status != 200:
            raise PolicyInvalid(f"It answers {answer.status}")
        return mtasts.parse(answer.body)

    def _unreadable(self, domain: str, detail: str) -> Finding:
        status = Status.FAILED if self._premises.sts_mode == mtasts.Mode.ENFORCE else Status.WARNING
        return self._finding(
            domain, status, detail,
            f"Lead mta-sts.{domain} to this server's HTTPS (or a proxy before it), with a certificate for that name.",
        )  # fmt: skip

    def _finding(self, domain: str, status: Status, detail: str, fix: str = "") -> Finding:
        return Finding(_CHECK, status, detail, _WHY, fix, domain)
