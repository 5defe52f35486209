"""Another vendor's MTA: a Postfix of our own on loopback ports, in a directory of its own. Needs root."""

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import waiting
from tests.support.ports import free_port

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/postfix/sbin"


def missing() -> str | None:
    """What keeps Postfix from being driven here; None where nothing does."""
    if os.geteuid() != 0:
        return "postfix needs root"
    return None if shutil.which("postfix", path=PATH) else "postfix is not installed"


class Postfix:
    """One instance. `settings` are lines of main.cf; mail for `domain` goes to a mailbox file of `user`."""

    def __init__(
        self, directory: Path, settings: Mapping[str, str] | None = None, services: Sequence[str] = (), port: int = 0
    ) -> None:
        self.directory = directory
        self.port = port or free_port()
        self._settings = dict(settings or {})
        self._services = list(services)

    @property
    def config(self) -> Path:
        return self.directory / "etc"

    def prepare(self) -> None:
        owner = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data", "mail"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        os.chown(self.directory / "data", owner.pw_uid, owner.pw_gid)
        (self.directory / "mail").chmod(0o777)
        for parent in [self.directory, *self.directory.parents]:
            if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o055)
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": str(self.directory / "queue"),
            "data_directory": str(self.directory / "data"),
            "mail_owner": "postfix",
            "myhostname": "mx.remote.test",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "maillog_file": str(self.directory / "log"),
            "maillog_file_prefixes": str(self.directory),
            "smtputf8_enable": "yes",
            "message_size_limit": "60000000",
            "mailbox_size_limit": "0",
            "virtual_mailbox_limit": "0",
        } | self._settings
        text = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.config / "main.cf").write_text(text)
        master = [
            f"127.0.0.1:{self.port} inet n - n - - smtpd",
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "verify unix - - n - 1 verify",
            "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap",
            "smtp unix - - n - - smtp",
            "relay unix - - n - - smtp",
            "error unix - - n - - error",
            "retry unix - - n - - error",
            "discard unix - - n - - discard",
            "local unix - n n - - local",
            "virtual unix - n n - - virtual",
            "anvil unix - - n - 1 anvil",
            "scache unix - - n - 1 scache",
            "postlog unix-dgram n - n - 1 postlogd",
            *self._services,
        ]
        (self.config / "master.cf").write_text("\n".join(master) + "\n")

    def run(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            list(command), env={**os.environ, "PATH": PATH, "MAIL_CONFIG": str(self.config)}, check=False,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self) -> None:
        self.prepare()
        self.run("postfix", "-c", str(self.config), "start")
        if not waiting.until_listening(self.port):
            raise AssertionError(f"Postfix does not listen:\n{self.log()}")

    def stop(self) -> None:
        self.run("postfix", "-c", str(self.config), "stop", check=False)

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def delivered(self, user: str) -> list[bytes]:
        """What lies in a user's Maildir, oldest first; the folders of it that Postfix has not yet made are empty."""
        box = self.directory / "mail" / user
        found = sorted(
            (path for name in ("cur", "new") for path in (box / name).glob("[!.]*")), key=lambda path: path.name
        )
        return [path.read_bytes() for path in found]

    async def __aenter__(self) -> "Postfix":
        await asyncio.to_thread(self.start)
        return self

    def abort(self) -> None:
        """Stop at once: `stop` gives its programs five seconds."""
        self.run("postfix", "-c", str(self.config), "abort", check=False)

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self.abort)
