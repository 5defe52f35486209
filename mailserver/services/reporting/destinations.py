"""Where reports may go: what domains ask for, and whether those that are named agree."""

from typing import Protocol

from mailserver.mail import organization, report_uri
from mailserver.mail.report_uri import Destination
from mailserver.mail.resolver import TextAnswer

MAX_NAME = 253


class Texts(Protocol):
    """Who asks DNS."""

    async def text(self, name: str) -> TextAnswer:
        """TXT records; LookupFailed where DNS gave no answer."""
        ...


class NoConsent(Exception):
    """Who is named does not want the report; the sentence says so."""


class Destinations:
    """Asks DNS; every method raises LookupFailed where it gives no answer."""

    def __init__(self, resolver: Texts) -> None:
        self._resolver = resolver

    async def of_tls(self, domain: str) -> tuple[Destination, ...]:
        """Who gets the TLS reports about a domain (RFC 8460 3)."""
        answer = await self._resolver.text(f"_smtp._tls.{domain}")
        return report_uri.of_tls(answer.records)

    async def agreed(self, domain: str, named: Destination) -> tuple[Destination, ...]:
        """Where the DMARC report of a domain goes that names this destination; NoConsent for nowhere (RFC 9990 4)."""
        host = named.host
        if host == domain or await self._organization(host) == await self._organization(domain):
            return (named,)
        name = f"{domain}._report._dmarc.{host}"
        refusal = f"{host} does not say that it takes reports about {domain}."
        if len(name) > MAX_NAME:
            raise NoConsent(refusal)
        instead = report_uri.consent((await self._resolver.text(name)).records)
        if instead is None:
            raise NoConsent(refusal)
        if any(each.host != host for each in instead):
            raise NoConsent(f"{host} sends reports about {domain} on to somebody else.")
        return instead or (named,)

    async def _organization(self, domain: str) -> str:
        """The Organizational Domain (RFC 9989 4.10.2)."""
        answers: dict[str, tuple[bytes, ...] | None] = {}
        for name in organization.names(domain):
            answers[name] = (await self._resolver.text(f"_dmarc.{name}")).records
        return organization.walk(domain, answers).organization or domain
