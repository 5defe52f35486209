"""A scriptable remote mail server: it answers as a test tells it to, and keeps what it was sent."""

import asyncio
import contextlib
import re
import ssl
from collections import deque
from dataclasses import dataclass, field

GREETING = "220 mx.remote.test ESMTP"
EXTENSIONS = ("PIPELINING", "SIZE 50000000", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8")
CLOSE = None  # an answer that is none: the connection is dropped


@dataclass
class Received:
    """One message as it came, dots unstuffed."""

    mail: str
    recipients: list[str]
    content: bytes
    tls: str | None
    login: list[str] = field(default_factory=list)


@dataclass
class Rule:
    pattern: re.Pattern[str]
    answers: deque
    is_forever: bool
    delay_seconds: float


class Remote:
    """`answers("RCPT TO:<b@", "451 4.2.1 later")` makes the next such command get that answer, and the one after it the
    next answer; with `always` the last one stays. A command is matched from its beginning. `DATA` is the command,
    `.` the end of the message, `CONNECT` the greeting."""

    def __init__(
        self, extensions=EXTENSIONS, context: ssl.SSLContext | None = None, host="127.0.0.1", port: int = 0
    ) -> None:
        self.host = host
        self.extensions = tuple(extensions)
        self.context = context
        self.messages: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self.open_now = 0
        self.most_open = 0
        self.busy_now = 0
        self.most_busy = 0  # sessions with a message under way
        self.port = port
        self._rules: list[Rule] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()

    def answers(self, command: str, *answers, always: bool = False, delay_seconds: float = 0.0) -> None:
        self._rules.append(Rule(re.compile(re.escape(command), re.IGNORECASE), deque(answers), always, delay_seconds))

    def forget_rules(self) -> None:
        self._rules.clear()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, self.host, self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc) -> None:
        await self.stop()

    async def stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            with contextlib.suppress(
                ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError
            ):
                await _Session(self, reader, writer).run()
        finally:
            self.open_now -= 1
            writer.transport.abort()
            self._tasks.discard(task)

    def rule_for(self, command: str) -> Rule | None:
        for rule in self._rules:
            if rule.answers and rule.pattern.match(command):
                return rule
        return None


class _Session:
    def __init__(self, remote: Remote, reader, writer) -> None:
        self.remote, self.reader, self.writer = remote, reader, writer
        self.login: list[str] = []
        self.mail, self.recipients = "", []

    async def run(self) -> None:
        await self.say("CONNECT", GREETING)
        while line := await self.reader.readline():
            command = line.decode("utf-8", "replace").rstrip("\r\n")
            self.remote.commands.append(command)
            verb = command.upper().split(" ")[0].split(":")[0]
            step = getattr(self, f"do_{verb.lower()}", None)
            if step is None:
                await self.say(command, "500 5.5.1 what?")
            elif await step(command) is False:
                return

    async def say(self, command: str, usual: str) -> str:
        rule = self.remote.rule_for(command)
        answer = usual
        if rule is not None:
            if rule.delay_seconds:
                await asyncio.sleep(rule.delay_seconds)
            answer = rule.answers[0] if rule.is_forever and len(rule.answers) == 1 else rule.answers.popleft()
        if answer is CLOSE:
            raise ConnectionResetError
        data = answer if isinstance(answer, bytes) else f"{answer}\r\n".encode()
        self.writer.write(data)
        await self.writer.drain()
        text = data.decode("latin-1")
        if text.startswith("421"):
            raise ConnectionResetError
        return text

    async def do_ehlo(self, command: str) -> None:
        words = list(self.remote.extensions)
        if self.remote.context is not None and self.writer.get_extra_info("ssl_object") is None:
            words.append("STARTTLS")
        lines = ["mx.remote.test", *words]
        await self.say(command, "\r\n".join([*(f"250-{word}" for word in lines[:-1]), f"250 {lines[-1]}"]))

    async def do_helo(self, command: str) -> None:
        await self.say(command, "250 mx.remote.test")

    async def do_starttls(self, command: str) -> None:
        if (await self.say(command, "220 go")).startswith("220"):
            await self.writer.start_tls(self.remote.context)

    async def do_auth(self, command: str) -> None:
        self.login.append(command)
        if command.upper() == "AUTH LOGIN":
            for _ in range(2):
                await self.say("334", "334 ask")
                self.login.append((await self.reader.readline()).decode().strip())
        await self.say(command, "235 2.7.0 welcome")

    async def do_mail(self, command: str) -> None:
        if (await self.say(command, "250 2.1.0 ok")).startswith("2"):
            self.mail, self.recipients = command, []

    async def do_rcpt(self, command: str) -> None:
        if not self.mail:
            await self.say("503", "503 5.5.1 MAIL first")
        elif (await self.say(command, "250 2.1.5 ok")).startswith("2"):
            self.recipients.append(command)

    async def do_data(self, command: str) -> None:
        self.remote.busy_now += 1
        self.remote.most_busy = max(self.remote.most_busy, self.remote.busy_now)
        try:
            await self._take(command)
        finally:
            self.remote.busy_now -= 1

    async def _take(self, command: str) -> None:
        usual = "354 go on" if self.recipients else "554 5.5.1 no valid recipients"
        if not (await self.say(command, usual)).startswith("354"):
            return
        lines = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            lines.append(line[1:] if line.startswith(b".") else line)
        tls = self.writer.get_extra_info("ssl_object")
        message = Received(
            self.mail, self.recipients, b"".join(lines), tls.version() if tls else None, list(self.login)
        )
        if (await self.say(".", "250 2.0.0 queued")).startswith("2"):
            self.remote.messages.append(message)
        self.mail, self.recipients = "", []

    async def do_rset(self, command: str) -> None:
        self.mail, self.recipients = "", []
        await self.say(command, "250 2.0.0 reset")

    async def do_noop(self, command: str) -> None:
        await self.say(command, "250 2.0.0 ok")

    async def do_quit(self, command: str) -> bool:
        await self.say(command, "221 2.0.0 bye")
        return False
