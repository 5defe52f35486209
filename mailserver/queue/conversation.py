"""The SMTP client's side of one connection: greeting, EHLO, STARTTLS, AUTH, and one message after another."""

import base64
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Protocol

from mailserver.entities.transport import Fault, PolicyType, ResultType
from mailserver.mail import reply as replies
from mailserver.mail import tlsa
from mailserver.mail.reply import Reply
from mailserver.mail.tlsa import Flaw, Mismatch
from mailserver.queue import extensions, parameters, tls
from mailserver.queue.demand import Demand, Distrusted
from mailserver.queue.extensions import Extensions
from mailserver.queue.parameters import Letter
from mailserver.queue.tls import TlsContexts, TlsLevel
from mailserver.queue.wire import Broken, Wire

# RFC 5321 4.5.3.2: what a client waits for, at the least.
GREETING_SECONDS = 300.0  # RFC 5321 4.5.3.2.1
COMMAND_SECONDS = 300.0  # RFC 5321 4.5.3.2.2 and 4.5.3.2.3: MAIL and RCPT; EHLO, AUTH and STARTTLS the same
DATA_SECONDS = 120.0  # RFC 5321 4.5.3.2.4
DATA_BLOCK_SECONDS = 180.0  # RFC 5321 4.5.3.2.5
DATA_END_SECONDS = 600.0  # RFC 5321 4.5.3.2.6
HANDSHAKE_SECONDS = 60.0
QUIT_SECONDS = 2.0  # nothing hangs on its reply

_RESULTS = {
    Flaw.NO_MATCH: ResultType.TLSA_INVALID,
    Flaw.EXPIRED: ResultType.CERTIFICATE_EXPIRED,
    Flaw.NAME: ResultType.CERTIFICATE_HOST_MISMATCH,
    Flaw.CHAIN: ResultType.CERTIFICATE_NOT_TRUSTED,
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each reply is waited for."""

    greeting_seconds: float = GREETING_SECONDS
    command_seconds: float = COMMAND_SECONDS
    data_seconds: float = DATA_SECONDS
    data_block_seconds: float = DATA_BLOCK_SECONDS
    data_end_seconds: float = DATA_END_SECONDS
    handshake_seconds: float = HANDSHAKE_SECONDS
    quit_seconds: float = QUIT_SECONDS

    def at_most(self, seconds: float) -> "Patience":
        """The same, with no wait longer than this."""
        return Patience(*(min(wait, seconds) for wait in astuple(self)))


class Stage(StrEnum):
    """What the server had been asked when it refused."""

    GREETING = "the connection"
    HELLO = "EHLO"
    TLS = "STARTTLS"
    LOGIN = "AUTH"
    MAIL = "MAIL"
    RECIPIENT = "RCPT"
    DATA = "DATA"
    END = "the message"


SESSION_STAGES = frozenset({Stage.GREETING, Stage.HELLO, Stage.TLS, Stage.LOGIN})


class Refused(Exception):
    """The server said no."""

    def __init__(self, reply: Reply, stage: Stage) -> None:
        self.reply = reply
        self.stage = stage
        super().__init__(f"{stage.value}: {reply}")


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are at the smarthost."""

    user: str
    password: str


class Content(Protocol):
    """The bytes of a message, signed and ready for the wire."""

    @property
    def size(self) -> int:
        """Bytes before dot-stuffing."""
        ...

    @property
    def waives_policies(self) -> bool:
        """Whether its header has `TLS-Required: No` (RFC 8689 4.2.2)."""
        ...

    async def write_to(self, wire: Wire, block_seconds: float) -> None:
        """Send everything, dot-stuffed, with the final dot."""
        ...


class Conversation:
    """A session with one server. `level` and `verdict` say what TLS it has."""

    def __init__(self, wire: Wire, hello: str, patience: Patience) -> None:
        self._wire = wire
        self._hello = hello
        self._patience = patience
        self.extensions = Extensions()
        self.level = TlsLevel.CLEAR
        self.verdict = tls.verdict(TlsLevel.CLEAR, None)
        self.sent = 0  # messages that went this way
        self.stage = Stage.GREETING  # END: the message is on its way, and only the server's reply can tell its fate

    @property
    def is_open(self) -> bool:
        """Whether another message can be tried: the server has neither gone nor said anything by itself."""
        return self._wire.is_open and not self._wire.has_unread

    async def greet(self) -> None:
        """Take the greeting and introduce ourselves."""
        greeting = await self._wire.reply(self._patience.greeting_seconds, "the connection")
        if greeting.code != 220:
            raise Refused(greeting, Stage.GREETING)
        await self._introduce()

    async def secure(self, contexts: TlsContexts, level: TlsLevel, name: str, demand: Demand) -> bool:
        """Put TLS over the session where the server offers it; whether it is there now.

        Distrusted where its certificates are not those that the demand's records name: nothing is said inside that TLS.
        """
        if not self.extensions.offers("STARTTLS"):
            return False
        reply = await self._ask("STARTTLS", Stage.TLS)
        if reply.code != 220:
            return False
        is_dane = level is TlsLevel.VERIFIED and bool(demand.records)
        # RFC 7672 3.1.1: the authorities of the Web have no say where DANE has.
        context = contexts.of(TlsLevel.ENCRYPTED if is_dane else level)
        await self._wire.start_tls(context, name, self._patience.handshake_seconds)
        if is_dane:
            self._hold_against(demand, name)
        self.level = level
        kind = demand.type if is_dane or demand.type is not PolicyType.TLSA else PolicyType.NONE
        self.verdict = tls.verdict(level, self._wire.tls_version, kind)
        await self._introduce()  # RFC 3207 4.2: forget what was said in clear
        return True

    def _hold_against(self, demand: Demand, name: str) -> None:
        try:
            tlsa.verify(demand.records, self._wire.chain, demand.names)
        except Mismatch as mismatch:
            text = f"{name} {mismatch.text}, so its DANE policy forbids to send there"
            raise Distrusted(Fault(_RESULTS[mismatch.flaw], mismatch.flaw.value, text)) from mismatch

    async def log_in(self, login: Login) -> None:
        """Authenticate (RFC 4954); a password never goes out in clear."""
        if self.level is TlsLevel.CLEAR:
            raise Refused(Reply(454, "4.7.0", "The smarthost offers no TLS, so the password stays here"), Stage.LOGIN)
        if "PLAIN" in self.extensions.mechanisms:
            secret = _base64(f"\0{login.user}\0{login.password}")
            reply = await self._ask(f"AUTH PLAIN {secret}", Stage.LOGIN)  # RFC 4616
        elif "LOGIN" in self.extensions.mechanisms:
            reply = await self._ask("AUTH LOGIN", Stage.LOGIN)
            for secret in (login.user, login.password):
                if reply.code == 334:
                    reply = await self._ask(_base64(secret), Stage.LOGIN)
        else:
            reply = Reply(454, "4.7.0", "The smarthost offers neither AUTH PLAIN nor AUTH LOGIN")
        if reply.code != 235:
            raise Refused(reply, Stage.LOGIN)

    async def send(self, letter: Letter, content: Content) -> Reply:
        """Send one message to one recipient; the reply that takes responsibility for it.

        Refused where the server says no, Unsupported where it cannot carry the message, Broken where it is gone.
        """
        commands = parameters.commands(letter, self.extensions)
        self.stage = Stage.MAIL
        if self._wire.has_unread:
            await self._hear_out()
        refusal = await self._announce(commands)
        if refusal is not None:
            raise refusal
        self.stage = Stage.END
        await content.write_to(self._wire, self._patience.data_block_seconds)
        reply = await self._wire.reply(self._patience.data_end_seconds, "the message")
        self.sent += 1
        if 300 <= reply.code < 400:  # no verdict, so nobody may be told that there was one
            self._wire.abort()
            raise Broken(f"The server answered the message with {reply}", "4.5.0")
        if not reply.is_positive:
            self._leave_if_closing(reply)
            raise Refused(reply, Stage.END)
        return reply

    def leave(self) -> None:
        """Take leave politely, without anybody waiting for it."""
        self._wire.leave(self._patience.quit_seconds)

    def abort(self) -> None:
        """Leave at once."""
        self._wire.abort()

    async def _introduce(self) -> None:
        self._wire.write(f"EHLO {self._hello}\r\n".encode("ascii"))
        code, lines = await self._wire.lines(self._patience.command_seconds, "EHLO")
        if code == 250:
            self.extensions = extensions.read(lines)
            return
        self.extensions = Extensions()
        if code == 421 or code < 500:
            raise Refused(Reply(code, "", " ".join(lines)), Stage.HELLO)
        reply = await self._ask(f"HELO {self._hello}", Stage.HELLO)  # RFC 5321 4.1.4: an old server
        if reply.code != 250:
            raise Refused(reply, Stage.HELLO)

    async def _announce(self, commands: tuple[bytes, bytes]) -> Refused | None:
        """MAIL, RCPT and DATA, in one go where the server can; why the message may not follow, or None."""
        mail, recipient = commands
        if not self.extensions.offers("PIPELINING"):
            for command, stage in ((mail, Stage.MAIL), (recipient, Stage.RECIPIENT), (b"DATA\r\n", Stage.DATA)):
                self._wire.write(command)
                refusal = await self._verdict_on(stage)
                if refusal is not None:
                    await self._reset(refusal)
                    return refusal
            return None
        self._wire.write(mail + recipient + b"DATA\r\n")
        first: Refused | None = None
        for stage in (Stage.MAIL, Stage.RECIPIENT, Stage.DATA):
            refusal = await self._verdict_on(stage)
            first = first or refusal
            if refusal is not None and refusal.reply.code == 421:
                break
        else:
            if first is not None and refusal is None:
                # RFC 2920 3.1: DATA was taken all the same; end it with nothing in it.
                self._wire.write(b".\r\n")
                await self._wire.reply(self._patience.data_end_seconds, "an empty message")
        if first is not None:
            await self._reset(first)
        return first

    async def _verdict_on(self, stage: Stage) -> Refused | None:
        seconds = self._patience.data_seconds if stage is Stage.DATA else self._patience.command_seconds
        code, lines = await self._wire.lines(seconds, stage.value)
        if (code == 354) if stage is Stage.DATA else (200 <= code < 300):
            return None
        reply = replies.parse(code, "\n".join(lines))
        if code < 400:
            self._wire.abort()
            raise Broken(f"The server answered {stage.value} with {reply}", "4.5.0")
        return Refused(reply, stage)

    async def _reset(self, refusal: Refused) -> None:
        """Make the session ready for the next message."""
        self._leave_if_closing(refusal.reply)
        if not self._wire.is_open:
            return
        try:
            reply = await self._ask("RSET", refusal.stage)
        except Broken:  # the refusal stands; only the session is over
            self._wire.abort()
        else:
            if not reply.is_positive:
                self._wire.abort()

    async def _hear_out(self) -> None:
        """The server spoke unasked: it says goodbye, or it cannot be followed any more."""
        reply = await self._wire.reply(self._patience.command_seconds, "nothing")
        self._wire.abort()
        raise Refused(reply, Stage.GREETING)

    async def _ask(self, command: str, stage: Stage) -> Reply:
        self._wire.write(f"{command}\r\n".encode())
        return await self._wire.reply(self._patience.command_seconds, stage.value)

    def _leave_if_closing(self, reply: Reply) -> None:
        if reply.code == 421:  # RFC 5321 3.8: the server closes the channel
            self._wire.abort()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
