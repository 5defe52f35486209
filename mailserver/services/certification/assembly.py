"""Build what looks after certificates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailserver.certificates.acme import jws
from mailserver.certificates.acme.account import Accounts, Registration
from mailserver.certificates.acme.authority import Web
from mailserver.certificates.acme.dns_hook import DnsHook
from mailserver.certificates.acme.solving import HttpTokens, Solver
from mailserver.certificates.acme.tls_alpn import TlsAlpn
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import Certificates
from mailserver.mail.resolver import TlsaAnswer
from mailserver.services.accounts.domains import Domains
from mailserver.services.accounts.records import Proof
from mailserver.services.certification.enrolment import Enrolment, Terms
from mailserver.services.certification.issuing import Issuing, chance
from mailserver.services.certification.keeper import Desk, Keeper
from mailserver.services.certification.names import Names
from mailserver.services.certification.next_keys import NextKeys
from mailserver.services.certification.revoking import Revoking
from mailserver.services.certification.windows import Windows
from mailserver.services.certification.wishes import Wishes
from mailserver.settings.configuration import Settings


class Resolver(Protocol):
    """What is asked of DNS."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Addresses of a host."""
        ...

    async def tlsa(self, name: str) -> TlsaAnswer:
        """TLSA records."""
        ...


@dataclass(frozen=True, slots=True)
class Certification:
    """The task, what the operator has done, what is served, and the answers that a web server gives the authority."""

    keeper: Keeper
    wishes: Wishes
    certificates: Certificates
    tokens: HttpTokens


def certificates(settings: Settings) -> Certificates:
    """What is served; nothing is read before it is loaded."""
    return Certificates(
        settings.tls.certificate, settings.tls.key, settings.data_dir / "tls", settings.hostname, _pairs(settings)
    )


def proof(certificates: Certificates) -> Callable[[], Proof]:
    """What DNS has to say of them, as it is when that is asked."""
    return lambda: Proof(certificates.der, certificates.next_key, certificates.authorities)


def build(
    settings: Settings,
    certificates: Certificates,
    web: Web,
    resolver: Resolver,
    domains: Domains,
    now_ms: Callable[[], int],
) -> Certification:
    """Build it; without ACME it only says how things stand."""
    tokens, kept = HttpTokens(), _pairs(settings)
    next_keys = NextKeys(settings.hostname, certificates, kept, resolver, now_ms)
    desk = None
    if settings.acme.enabled:
        enrolment = Enrolment(web, _terms(settings), Accounts(settings.data_dir / "tls"))
        issuing = Issuing(enrolment, kept, _solvers(settings, certificates, tokens))
        revoking = Revoking(settings.hostname, enrolment, kept, certificates, next_keys, now_ms)
        desk = Desk(enrolment, issuing, Windows(issuing, kept, now_ms, chance), revoking)

    async def served() -> list[str]:
        return [domain.name for domain in await domains.all()]

    names = Names(settings.hostname, resolver)
    keeper = Keeper(settings.hostname, certificates, kept, desk, names, served, next_keys, now_ms)
    wishes = Wishes(settings.hostname, keeper, desk, certificates, kept, next_keys)
    return Certification(keeper, wishes, certificates, tokens)


def _pairs(settings: Settings) -> Pairs:
    return Pairs(settings.data_dir / "tls" / "acme")


def _solvers(settings: Settings, certificates: Certificates, tokens: HttpTokens) -> list[Solver]:
    chosen, hook = settings.acme.challenge, settings.acme.dns_hook
    if hook is not None and chosen in ("auto", DnsHook.type):
        return [DnsHook(hook, settings.acme.dns_hook_seconds)]
    found: list[Solver] = []
    if chosen in ("auto", HttpTokens.type):
        found.append(tokens)
    if chosen == TlsAlpn.type or (chosen == "auto" and settings.http.tls):
        found.append(TlsAlpn(certificates.challenges))
    return found


def _terms(settings: Settings) -> Terms:
    acme = settings.acme
    binding = None
    if acme.binding_key_id and acme.binding_secret is not None:
        binding = (acme.binding_key_id, jws.unbase64url(acme.binding_secret.get_secret_value()))
    return Terms(acme.directory, Registration(acme.contact, acme.terms_agreed, binding), acme.authorities)
