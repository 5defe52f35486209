"""The validating resolver: an unbound of our own on loopback, that asks the test zones' name server."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from tests.support import knot

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def missing() -> str | None:
    return None if shutil.which("unbound", path=PATH) else "unbound is not installed"


class Unbound:
    """`zones` maps each domain to its trust anchor, a DS record's text, or None where it is not signed."""

    def __init__(self, directory: Path, upstream: int, zones: Mapping[str, str | None]) -> None:
        self._directory = directory
        self._upstream = upstream
        self._zones = zones
        self._process: subprocess.Popen[bytes] | None = None
        self.port = knot.free_port()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        anchors = "".join(
            f'  trust-anchor: "{name}. DS {anchor}"\n' if anchor else f'  domain-insecure: "{name}"\n'
            for name, anchor in self._zones.items()
        )
        stubs = "".join(
            f'stub-zone:\n  name: "{name}"\n  stub-addr: 127.0.0.1@{self._upstream}\n' for name in self._zones
        )
        config = self._directory / "unbound.conf"
        config.write_text(
            f'server:\n  interface: 127.0.0.1@{self.port}\n  do-daemonize: no\n  username: ""\n  chroot: ""\n'
            f'  directory: "{self._directory}"\n  pidfile: ""\n  do-not-query-localhost: no\n'
            '  module-config: "validator iterator"\n  local-zone: "test." nodefault\n'
            "  access-control: 127.0.0.0/8 allow\n  use-syslog: no\n  num-threads: 1\n  so-reuseport: no\n"
            f"{anchors}remote-control:\n  control-enable: no\n{stubs}"
        )
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["unbound", "-d", "-c", str(config)], env={**os.environ, "PATH": PATH}, stderr=log, stdout=log
            )
        question = dns.message.make_query(f"{next(iter(self._zones))}.", "SOA")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                dns.query.udp(question, "127.0.0.1", port=self.port, timeout=0.5)
            except (OSError, dns.exception.DNSException):
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self._directory / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    async def __aenter__(self) -> "Unbound":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.stop)
