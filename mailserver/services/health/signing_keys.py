"""Whether the private halves of a domain's keys are here, and are those whose public halves are published."""

import asyncio
from concurrent.futures import Executor

from mailserver.entities.health import Finding, Status
from mailserver.entities.tenant import DkimKey
from mailserver.mail import dkim_key
from mailserver.services.accounts.keystore import KeyStore

_WHY = "A signature by another key than the published one is worse than none."


class SigningKeys:
    """Compares files with rows. What is published is compared with the rows by the records' own check."""

    def __init__(self, keystore: KeyStore, executor: Executor) -> None:
        self._keystore = keystore
        self._executor = executor

    async def look(self, domain: str, keys: list[DkimKey]) -> list[Finding]:
        """A finding for each key that signs."""
        try:
            there = await asyncio.get_running_loop().run_in_executor(self._executor, self._read, domain)
        except (OSError, ValueError) as error:
            return [
                Finding(
                    "dkim", Status.FAILED, f"The keys of {domain} cannot be read: {error}", _WHY,
                    "Put the directory keys of the data directory back from a backup, and check who owns it.", domain,
                )
            ]  # fmt: skip
        return [self._one(domain, key, there.get(key.selector)) for key in keys if key.active]

    def _read(self, domain: str) -> dict[str, str]:
        return {key.selector: dkim_key.public_text(key.private) for key in self._keystore.signing_keys(domain)}

    def _one(self, domain: str, key: DkimKey, public: str | None) -> Finding:
        if public == key.public_key:
            return Finding("dkim", Status.OK, f"The key {key.selector} signs ({key.algorithm}).", _WHY, "", domain)
        what = "is not in the data directory" if public is None else "is another one than the published record's"
        return Finding(
            "dkim", Status.FAILED, f"The private half of {key.selector} {what}.", _WHY,
            f"Restore it from a backup, or make new keys: mailserver dkim rotate {domain} --now", domain,
        )  # fmt: skip
