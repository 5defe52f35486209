"""Which certificates are to be revoked, or were: written down before anybody is asked, so that a crash loses none.

Beside the pairs of a name lies a file for each, until the certificate would have ended by itself. As long as the
authority has not revoked it, the file has its key too: the pair may be gone, and the account.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mailserver.certificates import keys
from mailserver.certificates.acme.revocation import Reason
from mailserver.certificates.pairs import Pair, Pairs

_FILES = "revoke-*.json"


@dataclass(frozen=True, slots=True)
class Revocation:
    """A certificate, in PEM, and what becomes of it; times are unix milliseconds, 0 where it has not come to that."""

    serial: str
    reason: Reason
    certificate: str
    key: str  # in PEM; empty once it is revoked
    public_key: str  # SubjectPublicKeyInfo in DER, in hexadecimal digits
    not_after_at: int
    asked_at: int
    was_served: bool = False  # when it was asked for
    successor: str = ""  # the key in PEM that takes the place of one that has leaked, until it has
    replaced_by: str = ""  # the serial number of what was served after it
    revoked_at: int = 0
    not_before_at: int = 0  # of the next try
    last_error: str = ""
    is_refused: bool = False  # for good

    @property
    def is_open(self) -> bool:
        """Whether the authority still has to be asked."""
        return not self.revoked_at and not self.is_refused

    @property
    def is_compromised(self) -> bool:
        """Whether its key is not to be used again, whatever the authority says."""
        return self.reason is Reason.KEY_COMPROMISE

    @property
    def is_condemned(self) -> bool:
        """Whether it is not to be served where there is another."""
        return not self.is_refused or self.is_compromised

    def done(self, at: int) -> "Revocation":
        """It is revoked: nobody needs its key any more."""
        return replace(self, key="", revoked_at=at, last_error="", not_before_at=0)


class Revocations:
    """The revocations of each name. Every method blocks."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs

    def all(self, name: str) -> list[Revocation]:
        """Those of a name; a file that cannot be read is none."""
        place = self._pairs.place(name)
        found = (_read(path) for path in sorted(place.glob(_FILES)))
        return [one for one in found if one is not None]

    def of(self, name: str, serial: str) -> Revocation | None:
        """That of a certificate, by its serial number; None where nobody wants it revoked."""
        return next((one for one in self.all(name) if one.serial == serial), None)

    def begin(self, name: str, pair: Pair, reason: Reason, at: int, successor: bytes = b"") -> None:
        """Want a certificate revoked from now on."""
        newest = self._pairs.newest(name)
        kept = Revocation(
            pair.leaf.serial, reason, pair.chain.read_text("ascii"), pair.key.read_text("ascii"),
            pair.leaf.public_key.hex(), pair.leaf.not_after_at, at,
            was_served=newest is not None and newest.leaf.serial == pair.leaf.serial,
            successor=successor.decode("ascii"),
        )  # fmt: skip
        self.save(name, kept)

    def save(self, name: str, revocation: Revocation) -> None:
        """Keep how far one is."""
        keys.replace(self._path(name, revocation), json.dumps(asdict(revocation)).encode("ascii"))

    def drop(self, name: str, revocation: Revocation) -> None:
        """Forget one: its certificate has ended."""
        self._path(name, revocation).unlink(missing_ok=True)

    def _path(self, name: str, revocation: Revocation) -> Path:
        return self._pairs.place(name) / _FILES.replace("*", revocation.serial)


def _read(path: Path) -> Revocation | None:
    try:
        document = json.loads(path.read_bytes())
        return Revocation(**document | {"reason": Reason(document["reason"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
