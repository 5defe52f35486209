"""A server, its neighbours and a shell, in which the pages of the guide are followed literally."""

import asyncio
import contextlib
import json
import mailbox
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

from tests.support.guide import Block, difference
from tests.support.ports import free_port
from tests.support.remote import Remote
from tests.support.server import PASSWORD, Server, running_server
from tests.support.zone import NameServer

BLOCK_SECONDS = 120
END_SECONDS = 60
LISTENERS = [f"MAILSERVER_{name}_LISTEN" for name in ("SMTP__MX", "SMTP__SUBMISSION", "SMTP__SUBMISSIONS", "HTTP_")]
KEPT = ("MAILSERVER_DNS__NAMESERVERS", "MAILSERVER_STORAGE__RESERVE_BYTES", "MAILSERVER_HOSTNAME")
AGAIN_SECONDS = 60
FORBIDDEN = (
    "sudo ",
    "systemctl ",
    "apt ",
    "apt-get ",
    "docker ",
    "podman ",
    "dpkg ",
    "pip ",
)  # never on whoever runs the tests
ZONE = """
@ 0 IN SOA ns. root. 1 3600 600 86400 0
@ 0 IN NS ns.
mail.example.com. 0 IN A 127.0.0.1
friend.example. 0 IN MX 10 mx.friend.example.
mx.friend.example. 0 IN A 127.0.0.1
mx.example.net. 0 IN A 127.0.0.1
"""
# What begins a block, so that its last state is what the next one begins with.
BEFORE = "set -a; [ ! -f {state} ] || . {state}\ncodes=\ntrap 'codes=\"$codes $?\"' ERR\n"
AFTER = r"""
trap - ERR
export -p | grep -v -E ' (SHLVL|PWD|OLDPWD|codes|MAILSERVER_[A-Z_]+)(=|$)' > {state}
[ -z "$codes" ] || echo "$codes" > {codes}
"""


class Names(NameServer):
    """A name server that goes on to what a CNAME names, as a resolver does."""

    def _fill(self, answer: dns.message.Message, question: dns.rrset.RRset) -> None:
        node = self.zone.get_node(question.name)
        alias = node and node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.CNAME)
        if not alias or question.rdtype == dns.rdatatype.CNAME:
            super()._fill(answer, question)
            return
        answer.answer.append(dns.rrset.from_rdata_list(question.name, alias.ttl, alias))
        super()._fill(answer, dns.rrset.RRset(alias[0].target, question.rdclass, question.rdtype))


@dataclass(slots=True)
class World:
    """Where pages are followed."""

    directory: Path
    server: Server
    remote: Remote
    words: list[tuple[str, str]]


@dataclass(slots=True)
class Reading:
    """One page that is being followed: its directory, the variables that its blocks have set, what goes on beside."""

    world: World
    directory: Path
    answered: str = ""
    beside: list[tuple[Block, asyncio.subprocess.Process]] = field(default_factory=list)

    async def follow(self, block: Block) -> None:
        """Do what a block says."""
        if "answer" in block.directions:
            self._compare(block)
        elif "file" in block.directions:
            (self.directory / block.directions["file"]).write_text(self.said(block.text))
        elif block.language in ("python", "js"):
            name = f"block.{'mjs' if block.language == 'js' else 'py'}"
            (self.directory / name).write_text(self.said(block.text))
            await self._run(block, f"{'node' if block.language == 'js' else 'python'} {name}")
        else:
            await self._run(block, self.said(block.text))

    async def end(self) -> None:
        """Interrupt what goes on, which ends well."""
        for block, process in self.beside:
            assert process.returncode is None, f"{block} ended: {self._output(block)}"
            os.killpg(process.pid, signal.SIGINT)
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        self.beside.clear()

    def said(self, text: str) -> str:
        """The text with what is this world's in the place of the names that pages use."""
        for shown, real in self.world.words:
            text = text.replace(shown, real)
        return text

    def _compare(self, block: Block) -> None:
        if block.language == "json":
            wrong = difference(json.loads(self.said(block.text)), json.loads(_last_document(self.answered)))
        else:
            wrong = difference(self.said(block.text).strip(), self.answered.strip(), "text")
        assert not wrong, f"{block}: {wrong}"

    async def _run(self, block: Block, script: str) -> None:
        for word in FORBIDDEN:
            assert word not in script, f"{block}: {word} is not run by a test"
        if "goes on" in block.directions:
            await self._begin(block, script)
            return
        deadline = asyncio.get_running_loop().time() + AGAIN_SECONDS
        while True:
            await self._once(block, script)
            if block.directions.get("again until", "") in self.answered:
                return
            assert asyncio.get_running_loop().time() < deadline, f"{block}: {self.answered}"
            await asyncio.sleep(0.1)

    async def _once(self, block: Block, script: str) -> None:
        state, codes = self.directory / "state", self.directory / "codes"
        codes.unlink(missing_ok=True)
        quoted = {"state": shlex.quote(str(state)), "codes": shlex.quote(str(codes))}
        process = await self._shell(block, BEFORE.format(**quoted) + script + AFTER.format(**quoted))
        stdout, stderr = await process.communicate()
        self.answered = stdout.decode()
        found = set(codes.read_text().split()) if codes.exists() else set()
        wanted = {str(block.exit_code)} if block.exit_code else set()
        assert (found, process.returncode) == (wanted, 0), f"{block}: {found}: {self.answered}\n{stderr.decode()}"

    async def _begin(self, block: Block, script: str) -> None:
        state = shlex.quote(str(self.directory / "state"))
        process = await self._shell(
            block, f"set -a; [ ! -f {state} ] || . {state}\nexec {script.strip()} > beside-{block.line} 2>&1\n"
        )
        self.beside.append((block, process))
        async with asyncio.timeout(AGAIN_SECONDS):
            while not self._output(block):
                assert process.returncode is None, f"{block} ended: {self._output(block)}"
                await asyncio.sleep(0.05)

    def _output(self, block: Block) -> str:
        path = self.directory / f"beside-{block.line}"
        return path.read_text() if path.exists() else ""

    async def _shell(self, block: Block, script: str) -> asyncio.subprocess.Process:
        environment = dict(self.world.server.environment)
        if {"on another machine", "on a bare machine"} & block.directions.keys():
            environment = {
                name: value for name, value in environment.items() if name in KEPT or not name.startswith("MAILSERVER_")
            } | dict.fromkeys(LISTENERS, '["127.0.0.1:0"]')
        if "on another machine" in block.directions:
            environment["MAILSERVER_DATA_DIR"] = str(self.directory / "another" / "data")
        return await asyncio.create_subprocess_exec(
            "timeout", "--foreground", str(BLOCK_SECONDS), "bash", "-c", script,
            cwd=self.directory, env=environment, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip


def _last_document(text: str) -> str:
    """The last JSON document of an output: what the block's last command answered."""
    decoder, at, last = json.JSONDecoder(), 0, ""
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        _, end = decoder.raw_decode(text, at)
        last, at = text[at:end], end
    return last


@asynccontextmanager
async def reading(world: World, page: Path) -> AsyncIterator[Reading]:
    """Open a page, with the files in its directory that a reader is told to have."""
    directory = world.directory / "pages" / f"{page.parent.name}-{page.stem}"
    directory.mkdir(parents=True)
    for name in ("FILE", "password.txt"):
        (directory / name).write_text(PASSWORD + "\n")
    (directory / "report.pdf").write_bytes(b"%PDF-1.4 " + bytes(range(256)) * 8)
    (directory / "script.sieve").write_text("keep;\n")
    found = Reading(world, directory)
    try:
        yield found
    finally:
        for _, process in found.beside:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[World]:
    """Start the server of example.com, a name server that knows friend.example, and friend.example's mail server."""
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(Names(".", ZONE))
        remote = await stack.enter_async_context(Remote())
        remote.answers("RCPT TO:<nobody@", "550 5.1.1 There is no such person here", always=True)
        remote.answers("RCPT TO:<later@", "451 4.7.1 Greylisted, come back in five minutes", always=True)
        tools = _tools(directory)
        http, hook = free_port(), free_port()
        server = await stack.enter_async_context(
            running_server(
                directory / "server", bootstrap=False, hostname="mail.example.com",
                http__listen=[f"127.0.0.1:{http}"], http__public_url=f"http://127.0.0.1:{http}",
                dns__nameservers=[f"127.0.0.1:{names.port}"], queue__remote_port=remote.port,
                queue__retry_seconds=[5], outbound_http__allow_private=True, health__dns_lists=[],
                reports__dmarc=False, reports__tls=False, sendmail__inbox="server@example.com",
            )
        )  # fmt: skip
        server.environment |= {
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(directory / "home"),
            "PYTHONPATH": str(Path(__file__).parents[2]), "PASSWORD": PASSWORD,
            "CURL_CA_BUNDLE": str(directory / "server" / "data" / "tls" / "self-signed.pem"),
        }  # fmt: skip
        await server.bootstrap("example.com", "you@example.com")
        await _publish(server, names)
        for name in ("agent", "anna", "a", "server"):
            await server.command(
                "inbox", "add", f"{name}@example.com", "--password-file", str(server.directory / "password")
            )
        _mail(directory / "home" / "anna")
        yield World(directory, server, remote, _words(directory, server, hook))


async def _publish(server: Server, names: NameServer) -> None:
    """Publish what the server asks for."""
    wanted = await server.command("dns", "show", "example.com")
    lines = [f"{each['name']}. 0 IN {each['type']} {_written(each['type'], each['value'])}" for each in wanted]
    names.zone = dns.zone.from_text(ZONE + "\n".join(lines), origin=".", check_origin=False, relativize=False)


def _written(kind: str, value: str) -> str:
    """A record's value as a zone file has it."""
    if kind != "TXT":
        return value
    return " ".join(f'"{value[start : start + 255]}"' for start in range(0, len(value), 255))


def _words(directory: Path, server: Server, hook: int) -> list[tuple[str, str]]:
    """What pages say, and what it is here; the first goes first."""
    address = server.http.removeprefix("http://")
    names = [
        (f"https://{name}.example.com", f"-H Host:{name}.example.com {server.http}")
        for name in ("autoconfig", "mta-sts")
    ]
    return [
        *names,
        ("https://mail.example.com", server.http),
        ("wss://mail.example.com", f"ws://{address}"),
        ("http://127.0.0.1:8080", server.http),
        ("https://app.example.com", f"http://127.0.0.1:{hook}"),
        ("9000), Receiver", f"{hook}), Receiver"),
        ("smtp://mail.example.com:25", "smtp://{}:{}".format(*server.smtp)),
        (
            "smtp://mail.example.com:587",
            "--resolve mail.example.com:{1}:{0} smtp://mail.example.com:{1}".format(*server.submission),
        ),
        ('"mail.example.com", 25', '"{}", {}'.format(*server.smtp)),
        ("https://jmap.example.net/session --user anna", f"{server.http}/.well-known/jmap --user anna@example.com"),
        ("/root/anna.secret", str(server.directory / "password")),
        ("/var/lib/mailserver", server.environment["MAILSERVER_DATA_DIR"]),
        ("/var/backups/mailserver", str(directory / "backups")),
        ("/var/tmp/", f"{directory}/"),
        ("/home/anna", str(directory / "home" / "anna")),
    ]


def _tools(directory: Path) -> Path:
    """A directory with `mailserver` in it, as an installation has it on PATH."""
    tools = directory / "bin"
    tools.mkdir(parents=True)
    (tools / "mailserver").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m mailserver "$@"\n')
    (tools / "mailserver").chmod(0o755)
    return tools


def _mail(home: Path) -> None:
    """Anna's mail, as other programs have left it."""
    home.mkdir(parents=True)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "bea@friend.example", "anna@example.com", "old"
    message["Message-ID"], message["Date"] = "<old@friend.example>", "Mon, 02 Nov 2026 10:00:00 +0000"
    message.set_content("Long ago.\n")
    with contextlib.closing(mailbox.Maildir(home / "Maildir")) as box:
        box.add(message)
    with contextlib.closing(mailbox.mbox(home / "mail.mbox")) as box:
        box.add(message)
