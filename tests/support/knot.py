"""The authoritative name server of the test zones: a knot of our own on loopback."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.query

from tests.support import waiting
from tests.support.ports import free_port

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
START_SECONDS = 60


def missing() -> str | None:
    return None if shutil.which("knotd", path=PATH) else "knotd is not installed"


class Knot:
    """`zones` maps a domain to its records as zone file lines; those in `signed` get DNSSEC."""

    def __init__(self, directory: Path, zones: Mapping[str, str], signed: Collection[str] = ()) -> None:
        self._directory = directory
        self._signed = signed
        self._zones = zones
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        listen = f"127.0.0.1@{self.port}"
        signing = (
            "    dnssec-signing: on\n    dnssec-policy: one-key\n    zonefile-sync: -1\n    journal-content: all\n"
        )
        signing += "    zonefile-load: difference-no-serial\n"
        zones = "".join(f"  - domain: {name}\n{signing if name in self._signed else ''}" for name in self._zones)
        (self._directory / "knot.conf").write_text(
            f'server:\n    rundir: "{self._directory}/run"\n    listen: [{listen}]\n'
            f"log:\n  - target: stderr\n    any: warning\n"
            f'database:\n    storage: "{self._directory}/db"\n'
            "policy:\n  - id: one-key\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"
            f'template:\n  - id: default\n    storage: "{self._directory}"\n    file: "%s.zone"\n'
            f"zone:\n{zones}"
        )
        for name in ("run", "db"):
            (self._directory / name).mkdir(exist_ok=True)
        for name, records in self._zones.items():
            soa = f"@ 60 SOA ns.{name}. hostmaster.{name}. 1 60 60 60 60\n@ 60 NS ns.{name}.\nns 60 A 127.0.0.1\n"
            (self._directory / f"{name}.zone").write_text(f"$ORIGIN {name}.\n$TTL 60\n{soa}{records}\n")
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["knotd", "-c", str(self._directory / "knot.conf")],
                env={**os.environ, "PATH": PATH},
                stderr=log,
                stdout=log,
            )
        if not waiting.until_listening(self.port, self._process):  # it answers over TCP too
            raise AssertionError((self._directory / "log").read_text())
        deadline = time.monotonic() + START_SECONDS
        while not all(self._serves(name) for name in self._zones):  # it listens before it has read them
            if time.monotonic() > deadline:
                raise AssertionError((self._directory / "log").read_text())
            time.sleep(0.05)

    def _serves(self, zone: str) -> bool:
        try:
            return bool(self._asked(zone, "SOA").answer)
        except (OSError, EOFError, dns.exception.DNSException):
            return False

    def _asked(self, zone: str, kind: str) -> dns.message.Message:
        return dns.query.tcp(dns.message.make_query(zone, kind), "127.0.0.1", port=self.port, timeout=30)

    def anchor(self, zone: str) -> str:
        """The DS record that a resolver is to trust for a signed zone."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            answer = self._asked(zone, "DNSKEY")
            if answer.answer:
                return dns.dnssec.make_ds(dns.name.from_text(zone), answer.answer[0][0], "SHA256").to_text()
            time.sleep(0.1)
        raise AssertionError(f"{zone} is not signed")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    async def __aenter__(self) -> "Knot":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.stop)
