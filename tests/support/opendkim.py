"""Somebody else's opinion on our signatures: OpenDKIM as a milter behind a Postfix."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support import waiting
from tests.support.ports import free_port

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def missing() -> str | None:
    return None if shutil.which("opendkim", path=PATH) else "opendkim is not installed"


class OpenDkim:
    """Verifies what passes, and writes Authentication-Results with the name `verifier.test`."""

    def __init__(self, directory: Path, nameserver: str, domains: Sequence[str]) -> None:
        self._directory = directory
        self._nameserver = nameserver  # host:port
        self._domains = domains
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def milter(self) -> str:
        return f"inet:127.0.0.1:{self.port}"

    def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        resolver = self._directory / "unbound.conf"
        server = self._nameserver.replace(":", "@")
        resolver.write_text(
            'server:\n  do-not-query-localhost: no\n  module-config: "iterator"\n  local-zone: "test." nodefault\n'
            + "".join(f'stub-zone:\n  name: "{name}"\n  stub-addr: {server}\n' for name in self._domains)
        )
        config = self._directory / "opendkim.conf"
        config.write_text(
            f"Mode v\nSocket inet:{self.port}@127.0.0.1\nResolverConfiguration {resolver}\nAuthservID verifier.test\n"
            "AlwaysAddARHeader yes\nSyslog no\nInternalHosts 192.0.2.1\nUserID root\nRequireSafeKeys no\n"
            f"TemporaryDirectory {self._directory}\n"
        )
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["opendkim", "-f", "-x", str(config)], env={**os.environ, "PATH": PATH}, stdout=log, stderr=log
            )
        if not waiting.until_listening(self.port, self._process):
            raise AssertionError((self._directory / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()  # asked to end, it takes five seconds
            self._process.wait(60)

    async def __aenter__(self) -> "OpenDkim":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.stop)
