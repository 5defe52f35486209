"""Give an account another key (RFC 8555 7.3.5)."""

import json

from cryptography.hazmat.primitives.asymmetric import ec

from mailserver.certificates.acme import jws
from mailserver.certificates.acme.authority import Authority
from mailserver.certificates.acme.problem import Problem


async def ask(authority: Authority, following: ec.EllipticCurvePrivateKey) -> None:
    """Have the account that `authority` talks as known by the following key alone; Problem where it is not."""
    address = (await authority.directory()).key_change
    if not address:
        raise Problem("malformed", "The authority changes no account's key by ACME")
    header = {"jwk": jws.public(following), "url": address}
    change = {"account": authority.account, "oldKey": jws.public(authority.key)}
    # The new key says that it wants to be the account's, and the old one, around it, that it may.
    await authority.post(address, json.loads(jws.signed(following, header, change)))
