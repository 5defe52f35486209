"""DKIM keys: the private halves as files, loaded once, read again on SIGHUP."""

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from mailserver.entities.tenant import DkimKey, KeyStage
from mailserver.mail import dkim, dkim_key
from mailserver.mail.dkim import SigningKey

_PLACES = {KeyStage.WAITING: "waiting", KeyStage.ACTIVE: "", KeyStage.RETIRED: "retired"}


class KeyStore:
    """The signing keys of every domain: `<data>/keys/<domain>/<selector>.pem` signs.

    Keys that do not sign yet, or no more, lie in `waiting` and `retired` beside them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loaded: dict[str, tuple[SigningKey, ...]] = {}

    def signing_keys(self, domain: str) -> tuple[SigningKey, ...]:
        """The keys that sign for a domain, RSA first; empty where it has none. Blocks at the first call."""
        keys = self._loaded.get(domain)
        if keys is None:
            keys = self._loaded[domain] = self._load(domain)
        return keys

    def reload(self) -> None:
        """Read the files again when they are next needed."""
        self._loaded = {}

    def make(self, domain: str, selector: str, algorithm: str, stage: KeyStage = KeyStage.ACTIVE) -> str:
        """Make a key and keep its private half; the public one, in base 64. Blocks."""
        pem, public = dkim.generate(algorithm)
        path = self._path(domain, selector, stage)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, pem)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._loaded.pop(domain, None)
        return public

    def settle(self, domain: str, keys: Sequence[DkimKey]) -> None:
        """Bring the files of a domain to where the database says they belong. Blocks; repeating it changes nothing."""
        moved = False
        for key in sorted(keys, key=lambda key: not key.active):  # the new ones first: somebody signs at any moment
            place = self._path(domain, key.selector, key.stage)
            for stage in KeyStage:
                other = self._path(domain, key.selector, stage)
                if other != place and other.exists():
                    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    other.rename(place)
                    moved = True
        if moved:
            self._loaded.pop(domain, None)

    def discard(self, key: DkimKey) -> None:
        """Delete the private half of a key. Blocks."""
        self._path(key.domain, key.selector, key.stage).unlink(missing_ok=True)
        self._loaded.pop(key.domain, None)

    def _path(self, domain: str, selector: str, stage: KeyStage) -> Path:
        return self._directory / domain / _PLACES[stage] / f"{selector}.pem"

    def _load(self, domain: str) -> tuple[SigningKey, ...]:
        keys = []
        for path in sorted((self._directory / domain).glob("*.pem")):
            private = dkim.load_key(path.read_bytes())
            algorithm = dkim_key.RSA if isinstance(private, rsa.RSAPrivateKey) else dkim_key.ED25519
            keys.append(SigningKey(domain, path.stem, algorithm, private))
        return tuple(sorted(keys, key=lambda key: key.algorithm, reverse=True))
