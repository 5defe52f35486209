"""A real rspamd on loopback that knows a few test words, asks no DNS and no other server."""

import asyncio
import http.client
import os
import shutil
import subprocess
import time
from pathlib import Path

import aiohttp

from tests.support.ports import free_port

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
START_SECONDS = 60
CONFIG = """
options {{
  pidfile = "{directory}/pid"; filters = "regexp"; url_tld = "{directory}/tld"; tempdir = "{directory}";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
  control_socket = "{directory}/control mode=0600";
}}
logging {{ type = "file"; filename = "{directory}/log"; level = "info"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; task_timeout = 5s; }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
regexp {{
  WORD_JUNK = "/abrakadabra/{{body}}";
  WORD_GREY = "/hokuspokus/{{body}}";
  WORD_REFUSE = "/simsalabim/{{body}}";
  WORD_GOOD = "/friendly/{{body}}";
}}
group "test" {{ symbols = {{
  "WORD_JUNK" {{ weight = 7; description = "The junk word is there"; }}
  "WORD_GREY" {{ weight = 4.5; }}
  "WORD_REFUSE" {{ weight = 20; }}
  "WORD_GOOD" {{ weight = -2; }}
}} }}
"""


def missing() -> str | None:
    return None if shutil.which("rspamd", path=PATH) else "rspamd is not installed"


class RspamdServer:
    """`async with RspamdServer(tmp_path) as server: server.url`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "rspamd"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return (self._directory / "log").read_text()

    def start(self) -> None:
        self._directory.mkdir(parents=True)
        (self._directory / "tld").write_text("com\ntest\n")
        config = self._directory / "rspamd.conf"
        config.write_text(CONFIG.format(directory=self._directory, port=self.port))
        as_root = ["-i"] if os.getuid() == 0 else []
        with (self._directory / "out").open("wb") as out:
            self._process = subprocess.Popen(
                ["rspamd", "-f", *as_root, "-c", str(config)], env={**os.environ, "PATH": PATH}, stdout=out, stderr=out
            )
        until = time.monotonic() + START_SECONDS
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise AssertionError((self._directory / "out").read_text() + self.log())
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def _is_up(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    async def __aenter__(self) -> "RspamdServer":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.stop)


class PlainPoster:
    """Posts with aiohttp and nothing around it."""

    async def post(self, url, body, headers, timeout_seconds, limit_bytes):
        timeout = aiohttp.ClientTimeout(timeout_seconds)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.content.read(limit_bytes)
