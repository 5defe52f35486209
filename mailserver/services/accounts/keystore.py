"""DKIM keys: the private halves as files, loaded once, read again on SIGHUP."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from mailserver.mail import dkim, dkim_key
from mailserver.mail.dkim import SigningKey


class KeyStore:
    """The signing keys of every domain, below `<data>/keys/<domain>/<selector>.pem`."""

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

    def make(self, domain: str, selector: str, algorithm: str) -> str:
        """Make a key and keep its private half; the public one, in base 64. Blocks."""
        pem, public = dkim.generate(algorithm)
        directory = self._directory / domain
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"{selector}.pem"
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, pem)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._loaded.pop(domain, None)
        return public

    def _load(self, domain: str) -> tuple[SigningKey, ...]:
        keys = []
        for path in sorted((self._directory / domain).glob("*.pem")):
            private = dkim.load_key(path.read_bytes())
            algorithm = dkim_key.RSA if isinstance(private, rsa.RSAPrivateKey) else dkim_key.ED25519
            keys.append(SigningKey(domain, path.stem, algorithm, private))
        return tuple(sorted(keys, key=lambda key: key.algorithm, reverse=True))
