"""The authoritative name server of the test zones: a knot of our own on loopback."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def missing() -> str | None:
    return None if shutil.which("knotd", path=PATH) else "knotd is not installed"


class Knot:
    """`zones` maps a domain to its records as zone file lines."""

    def __init__(self, directory: Path, zones: Mapping[str, str]) -> None:
        self._directory = directory
        self._zones = zones
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        listen = f"127.0.0.1@{self.port}"
        zones = "".join(f"  - domain: {name}\n" for name in self._zones)
        (self._directory / "knot.conf").write_text(
            f'server:\n    rundir: "{self._directory}/run"\n    listen: [{listen}]\n'
            f"log:\n  - target: stderr\n    any: warning\n"
            f'database:\n    storage: "{self._directory}/db"\n'
            f'template:\n  - id: default\n    storage: "{self._directory}"\n    file: "%s.zone"\n'
            f"zone:\n{zones}"
        )
        (self._directory / "run").mkdir(exist_ok=True)
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
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with socket.socket() as probe:  # it answers over TCP too
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    time.sleep(0.2)
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError((self._directory / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    async def __aenter__(self) -> "Knot":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.stop)
