"""The certificate that is shown to mail servers and mail programs."""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence

from cryptography import x509

from mailserver.entities.health import Finding, Status
from mailserver.services.certification.states import CertificateState
from mailserver.services.health import greeting
from mailserver.services.health.greeting import NoGreeting
from mailserver.services.health.premises import Live, Premises

SOON_DAYS = 14
_CHECK = "certificate"
_WHY = "Mail programs refuse a certificate that is not right, and so do servers that insist on one."
_FIX = "Get one by ACME, or set tls.certificate and tls.key; then send the server SIGHUP."


States = Callable[[], Awaitable[Sequence[CertificateState]]]


class CertificateCheck:
    """Reads the certificate, and has the port that shows it tell whether its chain is accepted."""

    def __init__(self, premises: Premises, live: Live, served: Callable[[], bytes | None], states: States) -> None:
        self._premises = premises
        self._live = live
        self._served = served
        self._states = states

    async def look(self) -> list[Finding]:
        """Findings about name, dates and chain."""
        der = self._served()
        if der is None:
            return [self._finding(_CHECK, Status.SKIPPED, "There is none yet; the first start makes one.")]
        certificate = x509.load_der_x509_certificate(der)
        found = [self._name(certificate), self._dates(certificate), await self._chain(certificate)]
        states = await self._states()
        found += [_revoked(each) for each in states if each.revoked_for]
        return [*found, *[_trouble(each) for each in states if each.last_error]]

    def _name(self, certificate: x509.Certificate) -> Finding:
        hostname = self._premises.hostname
        try:
            alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = [each.lower() for each in alternatives.get_values_for_type(x509.DNSName)]
        except (x509.ExtensionNotFound, ValueError):
            names = []
        if hostname in names or f"*.{hostname.partition('.')[2]}" in names:
            return self._finding("certificate.name", Status.OK, f"It is for {hostname}.")
        shown = ", ".join(names[:5]) or "no name at all"
        return self._finding("certificate.name", Status.FAILED, f"It is for {shown}, not for {hostname}.", _FIX)

    def _dates(self, certificate: x509.Certificate) -> Finding:
        check, now = "certificate.dates", dt.datetime.now(dt.UTC)
        ends = certificate.not_valid_after_utc
        if certificate.not_valid_before_utc > now:
            begins = certificate.not_valid_before_utc
            return self._finding(check, Status.FAILED, f"It is not valid before {begins:%Y-%m-%d %H:%M}.", _FIX)
        if ends <= now:
            return self._finding(check, Status.FAILED, f"It ran out on {ends:%Y-%m-%d}.", _FIX)
        days = (ends - now).days
        if days < SOON_DAYS:
            return self._finding(check, Status.WARNING, f"It runs out in {days} days, on {ends:%Y-%m-%d}.", _FIX)
        return self._finding(check, Status.OK, f"It is valid until {ends:%Y-%m-%d}.")

    async def _chain(self, certificate: x509.Certificate) -> Finding:
        check = "certificate.chain"
        if certificate.issuer == certificate.subject:
            return self._finding(
                check, Status.WARNING, "It signed itself: other servers accept it, mail programs warn.", _FIX
            )
        place = next(iter(self._live.listeners.get("submissions", ())), None)
        if place is None:
            return self._finding(check, Status.SKIPPED, "No port shows it just now.")
        host, _, port = place.rpartition(":")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104  not bound to
        try:
            found = await greeting.ask(
                host, int(port), self._premises.hostname, implicit_tls=True, authorities=self._premises.authorities
            )
        except NoGreeting as error:
            return self._finding(check, Status.SKIPPED, str(error))
        if found.distrust:
            detail = f"Its chain is not accepted: {found.distrust}."
            return self._finding(check, Status.FAILED, detail, f"Have tls.certificate name the whole chain. {_FIX}")
        return self._finding(check, Status.OK, "Its chain is accepted.")

    def _finding(self, check: str, status: Status, detail: str, fix: str = "") -> Finding:
        return Finding(check, status, detail, _WHY, fix, self._premises.hostname)


def _revoked(state: CertificateState) -> Finding:
    """A certificate that should not be served, and is, for want of another one."""
    detail = f"What is served is revoked, or about to be ({state.revoked_for}), and there is no other one yet."
    fix = "See what certificate.acme says, then: mailserver cert renew"
    return Finding("certificate.revoked", Status.FAILED, detail, _WHY, fix, state.name)


def _trouble(state: CertificateState) -> Finding:
    """What an authority said when it was last asked for a certificate."""
    again = ""
    if state.next_attempt_at is not None:
        at = dt.datetime.fromtimestamp(state.next_attempt_at / 1000, dt.UTC)
        again = f" It is tried again on {at:%Y-%m-%d %H:%M} UTC."
    fix = "Mend what it names, then: mailserver cert renew --force"
    return Finding("certificate.acme", Status.FAILED, f"{state.last_error}{again}", _WHY, fix, state.name)
