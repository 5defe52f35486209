"""Servers that misbehave, each in its own way, on a loopback address and for a domain of their own.

A script maps what a client says (CONNECT, EHLO, HELO, STARTTLS, MAIL, RCPT, DATA, `.` for the end of the content, RSET)
to what the server does then: text or bytes to send, or a function of the session. What is not named gets a good answer.
"""

import asyncio
import contextlib
import re
import socket
import struct
import time
from dataclasses import dataclass, field

USUAL = {
    "CONNECT": "220 mx ESMTP", "HELO": "250 mx", "STARTTLS": "220 go", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on", ".": "250 2.0.0 taken", "RSET": "250 2.0.0 ok", "QUIT": "221 2.0.0 bye",
}  # fmt: skip
EXTENSIONS = ("PIPELINING", "SIZE 50000000", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8")
BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")


class Leave(Exception):
    """The server has gone."""


async def close(session):
    raise Leave


async def reset(session):
    """A TCP reset."""
    connection = session.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Leave


async def silence(session):
    """Nothing, until the client is fed up."""
    while await session.reader.read(65536):
        pass
    raise Leave


def slowly(text, pause_seconds=0.02):
    async def say(session):
        for octet in text.encode() + b"\r\n":
            session.writer.write(bytes([octet]))
            await asyncio.sleep(pause_seconds)

    return say


def then(text, *actions):
    """Say something, then do something else."""

    async def both(session):
        await session.say(text)
        for action in actions:
            await session.do(action)

    return both


def endless(line):
    async def pour(session):
        while True:
            session.writer.write(line * 100)
            await session.writer.drain()

    return pour


def tls(context):
    async def upgrade(session):
        await session.say("220 go")
        await session.writer.start_tls(context)

    return upgrade


@dataclass
class Hostile:
    """One server. `taken` are (recipient, content, when) of what it said 2xx to."""

    script: dict
    extensions: tuple = EXTENSIONS
    taken: list = field(default_factory=list)
    wire: list = field(default_factory=list)  # what clients sent, connection by connection
    sessions: set = field(default_factory=set)

    async def serve(self, reader, writer):
        session = Session(self, reader, writer)
        self.wire.append(session.heard)
        task = asyncio.current_task()
        self.sessions.add(task)
        with contextlib.suppress(Leave, OSError, TimeoutError, asyncio.CancelledError):
            await session.run()
        self.sessions.discard(task)
        with contextlib.suppress(Exception):
            writer.close()

    @property
    def bare_line_ends(self):
        return [found[0] for heard in self.wire for found in BARE.finditer(bytes(heard))]


class Session:
    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.heard = bytearray()
        self.recipients = []
        self.has_sender = False
        self.content = b""

    async def say(self, answer):
        data = answer if isinstance(answer, bytes) else f"{answer}\r\n".encode()
        self.writer.write(data)
        await self.writer.drain()
        return data

    async def do(self, action):
        if callable(action):
            await action(self)
            return b"2"
        return await self.say(action)

    async def on(self, word):
        return await self.do(self.server.script.get(word, USUAL.get(word, "500 5.5.1 what?")))

    async def line(self):
        line = await self.reader.readline()
        if not line:
            raise Leave
        self.heard += line
        return line

    async def run(self):
        await self.on("CONNECT")
        while True:
            line = await self.line()
            word = line[:8].split(b" ")[0].split(b":")[0].strip().upper().decode("latin-1")
            if word == "EHLO":
                words = ["mx", *self.server.extensions]
                good = "\r\n".join([*(f"250-{one}" for one in words[:-1]), f"250 {words[-1]}"])
                await self.do(self.server.script.get("EHLO", good))
            elif word == "DATA":
                await self._data()
            else:
                answer = await self.on(word)
                if word == "MAIL":
                    self.recipients, self.has_sender = [], answer.startswith(b"2")
                elif word == "RCPT" and answer.startswith(b"2"):
                    self.recipients.append(line.decode("utf-8", "replace").partition("<")[2].partition(">")[0])
                elif word == "QUIT":
                    return

    async def _data(self):
        action = self.server.script.get("DATA", USUAL["DATA"] if self.recipients else "554 none")
        answer = await self.do(action)
        if not (callable(action) or answer.startswith(b"354")):
            return
        lines = []
        while (line := await self.line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        self.content = b"".join(lines)
        answer = await self.on(".")
        if answer.startswith(b"2") and self.recipients:
            self.server.taken += [(one, self.content, time.monotonic()) for one in self.recipients]


@contextlib.asynccontextmanager
async def listening(servers, port=0, network="127.0.1"):
    """Serve each on an address of its own and the same port; yields [(name, address)] and the port."""
    opened, named = [], []
    try:
        for number, (name, server) in enumerate(servers.items(), 1):
            address = f"{network}.{number}"
            one = await asyncio.start_server(server.serve, address, port, limit=1 << 22, backlog=200)
            port = one.sockets[0].getsockname()[1]
            opened.append(one)
            named.append((name, address))
        yield named, port
    finally:
        for one in opened:
            one.close()
        under_way = [task for server in servers.values() for task in server.sessions]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def zone(named):
    """A zone for `test`: a domain and a mail server for each name."""
    lines = ["@ 60 SOA ns hostmaster 1 60 60 60 60", "@ 60 NS ns"]
    for name, address in named:
        lines += [f"{name} 60 MX 10 mx.{name}", f"mx.{name} 60 A {address}"]
    return "\n".join(lines) + "\n"
