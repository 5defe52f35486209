"""Dovecot's IMAP server on a loopback port, with accounts whose mail is put into their Maildirs first."""

import asyncio
import base64
import hmac
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.ports import free_port

PASSWORD = "other horse"
_KEY = b"the key that signs access tokens"
_NOBODY = 65534
_CONFIGURATION = """\
protocols = imap
listen = 127.0.0.1
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
mail_location = maildir:{home}/mail/%n:LAYOUT=maildir++
mail_home = {home}/mail/%n
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
disable_plaintext_auth = no
ssl = {ssl}
{certificate}
mail_max_userip_connections = 50
mail_plugin_dir = /usr/lib/dovecot/modules
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
auth_mechanisms = plain login xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {home}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Gesendet {{
    special_use = \\Sent
  }}
  mailbox Everything {{
    special_use = \\All
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
}}
"""


def token(user: str, expires_at: float) -> str:
    """An access token (RFC 7519) that the server takes for a user's, until then."""
    claims = {"sub": user, "iat": 1_500_000_000, "exp": int(expires_at)}
    parts = [_url64(json.dumps(each).encode()) for each in ({"typ": "JWT", "alg": "HS256"}, claims)]
    return ".".join((*parts, _url64(hmac.digest(_KEY, ".".join(parts).encode(), "sha256"))))


def missing() -> str | None:
    found = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None or not Path("/usr/lib/dovecot/imap").exists():
        return "dovecot (dovecot-imapd) is not installed"
    return None if os.getuid() == 0 else "dovecot wants to be started as root"


class Dovecot:
    """One server in a directory of its own; none of pytest's, whose directories are closed to the mail's owner."""

    def __init__(self, users: list[str], certificate: tuple[Path, Path] | None = None) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="dovecot-")
        self.home = Path(self._place.name)
        self.home.chmod(0o755)
        self.port, self.tls_port = free_port(), free_port()
        (self.home / "users").write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}\n" for user in users))
        keys = self.home / "keys" / "default" / "HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_text(base64.b64encode(_KEY).decode())
        (self.home / "oauth2.conf").write_text(
            f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={self.home}/keys/\n"
            "username_attribute = sub\n"
        )
        for name in ("run", "state", "mail"):
            (self.home / name).mkdir(mode=0o755)
        pair = f"ssl_cert = <{certificate[0]}\nssl_key = <{certificate[1]}" if certificate else ""
        (self.home / "dovecot.conf").write_text(
            _CONFIGURATION.format(
                home=self.home, uid=_NOBODY, gid=_NOBODY, user="dovecot", group="dovecot", port=self.port,
                tls_port=self.tls_port, ssl="yes" if certificate else "no", certificate=pair,
            )
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def fill(self, user: str, at: str, number: int, content: bytes, flags: str, seconds: int) -> None:
        """Put a message into a Maildir; `at` is '' for the Inbox, else `.Name`."""
        directory = self.home / "mail" / user / at / "cur"
        if not directory.exists():
            for part in ("cur", "new", "tmp"):
                (directory.parent / part).mkdir(parents=True)
            if at:
                (directory.parent / "maildirfolder").touch()
        path = directory / f"{seconds}.M{number}P1.host:2,{flags}"
        path.write_bytes(content)
        os.utime(path, (seconds, seconds))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        subprocess.run(["chown", "-R", f"{_NOBODY}:{_NOBODY}", self.home / "mail"], check=True)
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", str(self.home / "dovecot.conf")], stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    probe.settimeout(5)
                    if probe.recv(100).startswith(b"* OK"):
                        return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"dovecot did not start:\n{self.log}")

    @property
    def log(self) -> str:
        path = self.home / "dovecot.log"
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """Stop it and take its directory away."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
        self._place.cleanup()


class Dropping:
    """A way to a server that breaks off once so many octets have come back through it."""

    def __init__(self, port: int, after_bytes: int, times: int = 1) -> None:
        self._port = port
        self._after = after_bytes
        self.left = times
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Dropping":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for one in tuple(self._serving):
            one.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        sending = asyncio.ensure_future(self._pass(reader, inner_writer, None))
        try:
            await self._pass(inner_reader, writer, self._after)
        finally:
            sending.cancel()
            inner_writer.close()
            writer.close()
            self._serving.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
        passed = 0
        try:
            while chunk := await reader.read(16_384):
                passed += len(chunk)
                if most is not None and passed > most and self.left > 0:
                    self.left -= 1
                    return
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            return


def _url64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
