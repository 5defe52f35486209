"""How much TLS a host must give, what it gave, and what was wrong with its certificate."""

import datetime as dt
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from cryptography import x509

from mailserver import trust
from mailserver.entities.transport import Fault, PolicyType, ResultType

_DER = 2  # _ssl.ENCODING_DER
_EXPIRED = 10  # X509_V_ERR_… of OpenSSL
_OTHER_NAME = (62, 64)  # a host's, an address's
# No known issuer or none that may sign, a wrong signature, an authority that is none, a name that is not its to give.
_UNTRUSTED = (2, 7, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 47, 48)


class TlsLevel(IntEnum):
    """From nothing to a certificate that names the host; more is better."""

    CLEAR = 0
    ENCRYPTED = 1  # any certificate: RFC 7435's opportunistic security
    VERIFIED = 2


@dataclass(frozen=True, slots=True)
class TlsContexts:
    """One context for each way to look at a certificate."""

    verifying: ssl.SSLContext
    unverifying: ssl.SSLContext

    def of(self, level: TlsLevel) -> ssl.SSLContext:
        """The context for a level above CLEAR."""
        return self.verifying if level is TlsLevel.VERIFIED else self.unverifying


class _Witness(ssl.SSLObject):
    """Keeps the chain that it does not accept, so that a sentence can say what was wrong with it."""

    def do_handshake(self) -> None:
        """As ever, but the error has the chain."""
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            error.chain = chain(self)  # type: ignore[attr-defined]
            raise


def contexts(authorities: str | None = None) -> TlsContexts:
    """Contexts that trust the system's authorities, and those of a PEM file."""
    verifying = trust.context(authorities)
    verifying.sslobject_class = _Witness
    unverifying = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverifying.check_hostname = False
    unverifying.verify_mode = ssl.CERT_NONE
    unverifying.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: nothing older
    return TlsContexts(verifying, unverifying)


def verdict(level: TlsLevel, version: str | None, policy: PolicyType = PolicyType.NONE) -> str:
    """What is recorded with a delivery: `none`, `unverified TLSv1.3`, `verified TLSv1.3`, `sts …`, `dane …`."""
    if version is None:
        return "none"
    if level is not TlsLevel.VERIFIED:
        return f"unverified {version}"
    words = {PolicyType.NONE: "verified", PolicyType.STS: "sts", PolicyType.TLSA: "dane"}
    return f"{words[policy]} {version}"


def chain(connection: Any) -> tuple[bytes, ...]:
    """The certificates that the server showed, its own first, whether or not they were accepted."""
    public = getattr(connection, "get_unverified_chain", None)  # from Python 3.13 on
    if public is not None:
        return tuple(public() or ())
    return tuple(one.public_bytes(_DER) for one in connection._sslobj.get_unverified_chain() or ())  # noqa: SLF001  there is no other way before 3.13


def fault(host: str, error: BaseException | None) -> Fault:
    """What a failed handshake means to a report, and to the operator."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error or "it was broken off")
        return Fault(ResultType.VALIDATION_FAILURE, f"handshake: {reason}", f"TLS with {host} failed ({reason})")
    result = _result(error.verify_code)
    message = error.verify_message.rstrip(".")
    code = f"{error.verify_code}: {message}"
    match result:
        case ResultType.CERTIFICATE_EXPIRED:
            text = f"The certificate of {host} expired{_when(getattr(error, 'chain', ()))}"
        case ResultType.CERTIFICATE_HOST_MISMATCH:
            text = f"The certificate of {host} does not name it"
        case ResultType.CERTIFICATE_NOT_TRUSTED:
            text = f"The certificate of {host} comes from no authority that is trusted here ({message})"
        case _:
            text = f"The certificate of {host} is not valid ({message})"
    return Fault(result, code, text)


def _result(code: int) -> ResultType:
    if code == _EXPIRED:
        return ResultType.CERTIFICATE_EXPIRED
    if code in _OTHER_NAME:
        return ResultType.CERTIFICATE_HOST_MISMATCH
    return ResultType.CERTIFICATE_NOT_TRUSTED if code in _UNTRUSTED else ResultType.VALIDATION_FAILURE


def _when(certificates: Sequence[bytes]) -> str:
    """The day on which the first expired certificate of a chain did."""
    now = dt.datetime.now(dt.UTC)
    for der in certificates:
        try:
            until = x509.load_der_x509_certificate(der).not_valid_after_utc
        except ValueError:
            continue
        if until < now:
            return f" on {until:%Y-%m-%d}"
    return ""
