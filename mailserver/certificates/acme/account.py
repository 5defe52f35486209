"""Our account with an authority (RFC 8555 7.3): its key in a file of its own, and where it is known."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from mailserver.certificates import keys
from mailserver.certificates.acme import jws
from mailserver.certificates.acme.authority import Authority
from mailserver.certificates.acme.problem import Problem


@dataclass(frozen=True, slots=True)
class Registration:
    """What the operator says to an authority. A binding is a key's id and its secret (RFC 8555 7.3.4)."""

    contact: tuple[str, ...]
    terms_agreed: bool
    binding: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account: the key in PEM, its URL once it is registered, and whom CAA records have to allow.

    `next_key` is on the disk before the authority hears of it: while there is one, either may be the account's.
    """

    key: bytes
    url: str = ""
    identities: tuple[str, ...] = ()
    next_key: bytes = b""


class Accounts:
    """The account for each authority, by the address of its directory. Every method blocks but `registered`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, authority: str) -> Account | None:
        """The account that is kept; None where there is none yet."""
        try:
            document = json.loads(self._path(authority).read_bytes())
            key = str(document["key"]).encode("ascii")
            keys.read(key)
            following = str(document.get("next_key", "")).encode("ascii")
            if following:
                keys.read(following)
            return Account(key, str(document["url"]), tuple(document["identities"]), following)
        except FileNotFoundError:
            return None

    def load_or_make(self, authority: str) -> Account:
        """The account that is kept; a new key, kept, where there is none."""
        found = self.load(authority)
        if found is None:
            found = Account(keys.make())
            self.save(authority, found)
        return found

    def save(self, authority: str, account: Account) -> None:
        """Keep an account."""
        document = {"key": account.key.decode("ascii"), "url": account.url, "identities": list(account.identities)}
        if account.next_key:
            document["next_key"] = account.next_key.decode("ascii")
        keys.replace(self._path(authority), json.dumps(document).encode("ascii"))

    def _path(self, authority: str) -> Path:
        return self._directory / f"account-{hashlib.sha256(authority.encode()).hexdigest()[:16]}.json"


async def registered(authority: Authority, account: Account, registration: Registration) -> Account:
    """Register an account, or find the one that its key has there already."""
    offered = await authority.directory()
    if offered.terms and not registration.terms_agreed:
        raise Problem(
            "userActionRequired",
            f"The authority wants its terms agreed to: read {offered.terms} and set acme.terms_agreed",
        )
    payload: dict[str, object] = {"termsOfServiceAgreed": registration.terms_agreed}
    if registration.contact:
        payload["contact"] = [f"mailto:{address}" for address in registration.contact]
    if registration.binding is not None:
        key_id, secret = registration.binding
        payload["externalAccountBinding"] = jws.bound(authority.key, key_id, secret, offered.new_account)
    elif offered.needs_binding:
        raise Problem(
            "externalAccountRequired",
            "The authority binds accounts to its customers: set acme.binding_key_id and acme.binding_secret",
        )
    reply = await authority.post(offered.new_account, payload, by_key=True)
    if not reply.location:
        raise Problem("", "The authority says not where the account is")
    return replace(account, url=reply.location, identities=offered.identities)


async def known_as(authority: Authority) -> str:
    """The URL of the account that has the authority's key; empty where none has (RFC 8555 7.3.1)."""
    offered = await authority.directory()
    try:
        reply = await authority.post(offered.new_account, {"onlyReturnExisting": True}, by_key=True)
    except Problem as no:
        if no.type != "accountDoesNotExist":
            raise
        return ""
    return reply.location
