"""Have a certificate revoked (RFC 8555 7.6)."""

from enum import StrEnum

from mailserver.certificates.acme import jws
from mailserver.certificates.acme.authority import Authority
from mailserver.certificates.acme.problem import Problem


class Reason(StrEnum):
    """Why a certificate is revoked: the reasons of RFC 5280 5.3.1 that its owner may give."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"
    AFFILIATION_CHANGED = "affiliation-changed"
    SUPERSEDED = "superseded"
    CESSATION = "cessation"


_CODES = {Reason.KEY_COMPROMISE: 1, Reason.AFFILIATION_CHANGED: 3, Reason.SUPERSEDED: 4, Reason.CESSATION: 5}


async def ask(authority: Authority, certificate: bytes, reason: Reason, *, by_key: bool = False) -> None:
    """Have a certificate, in DER, revoked; Problem where the authority does not. One that is revoked stays so.

    `by_key` is for an authority that is talked to with the certificate's own key.
    """
    address = (await authority.directory()).revoke
    if not address:
        raise Problem("malformed", "The authority revokes no certificates by ACME")
    payload: dict[str, object] = {"certificate": jws.base64url(certificate)}
    if reason in _CODES:  # RFC 5280 5.3.1: unspecified is said by saying nothing
        payload["reason"] = _CODES[reason]
    try:
        await authority.post(address, payload, by_key=by_key)
    except Problem as no:
        if no.type != "alreadyRevoked":
            raise
