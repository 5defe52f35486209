"""Lines in, replies out: cuts the input into commands and content, and calls the command (RFC 5321 2.3.8, 4.1.1)."""

import abc
import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from mailserver.entities import errors
from mailserver.mail import peer_signs
from mailserver.mail.reply import Reply
from mailserver.smtp import authentication, replies, upgrade
from mailserver.smtp.data import Intake
from mailserver.smtp.listener import Listener

LONGEST_COMMAND = 512  # RFC 5321 4.5.3.1.4, with CRLF
LONGEST_WITH_PARAMETERS = 2_048  # MAIL and RCPT, with what SIZE, DSN and SMTPUTF8 add
LONGEST_AUTH = 12_288  # RFC 4954 4
ENDLESS_LINE_BYTES = 1_048_576  # so much of one line is skipped before the peer is given up
COMMANDS_A_TURN = 200  # then other connections have their turn
_LONGEST = {"MAIL": LONGEST_WITH_PARAMETERS, "RCPT": LONGEST_WITH_PARAMETERS, "AUTH": LONGEST_AUTH}
_ENDS_A_GROUP = frozenset(("EHLO", "HELO", "DATA", "STARTTLS"))  # RFC 2920 3.1: their answer is waited for
_HTTP = frozenset(
    ("GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE", "HOST:", "USER-AGENT:")
)

Command = Callable[[Any, str], Reply | None]


class Dialogue(upgrade.SecureConnection):
    """Knows where a command ends and which method it names, not what it means."""

    __slots__ = ("_has_more", "_skipped_bytes")
    commands: ClassVar[dict[str, Command]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the `smtp_*` methods once a class; those that aiosmtpd alone defines are not ours to offer."""
        ours = cls.__mro__[: cls.__mro__.index(Dialogue)]
        cls.commands = {
            name.removeprefix("smtp_"): getattr(cls, name)
            for kind in reversed(ours)
            for name in vars(kind)
            if name.startswith("smtp_")
        }

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener)
        self._skipped_bytes = 0
        self._has_more = False  # whether more came with the line that is looked at

    @abc.abstractmethod
    def take_content(self, intake: Intake, data: bytes) -> bytes:
        """Hand content over and return what follows it. The commands know how."""

    def take(self, data: bytes) -> bytes:
        """Work through input; return what has to wait, for us or for the rest of a line."""
        end = data.find(b"\r\n")
        if 0 <= end == len(data) - 2 and not (self.intake or self._skipped_bytes):  # one command: the common case
            self._line(data[:-2])
            return b""
        is_complete = True
        while data and is_complete and not self.is_waiting:
            if self.intake and self.intake.is_reading:
                data = self.take_content(self.intake, data)
            else:
                data, is_complete = self._take_commands(data)
        return data

    def _take_commands(self, data: bytes) -> tuple[bytes, bool]:
        position = 0
        if self._skipped_bytes:
            end = data.find(b"\r\n")
            if end < 0:
                return self._skip(data), False
            self._skipped_bytes = 0
            position = end + 2
        for _ in range(COMMANDS_A_TURN):
            end = data.find(b"\r\n", position)
            if end < 0:
                return self._unfinished(data[position:]), False
            self._has_more = end + 2 < len(data)
            self._line(data[position:end])
            self._has_more = False
            position = end + 2
            if self.is_waiting or (self.intake and self.intake.is_reading):
                return data[position:], True
        self.yield_turn()
        return data[position:], True

    def _unfinished(self, line: bytes) -> bytes:
        if b"\n" in line or b"\r" in line[:-1]:
            self.give_up(replies.BARE_LINE_END)
        elif len(line) > LONGEST_AUTH:
            self.answer(replies.LINE_TOO_LONG)
            return self._skip(line)
        return line

    def _skip(self, line: bytes) -> bytes:
        self._skipped_bytes += len(line)
        if self._skipped_bytes > ENDLESS_LINE_BYTES:
            self.give_up(replies.TOO_MANY_ERRORS)
        return b"\r" if line.endswith(b"\r") else b""

    def _line(self, line: bytes) -> None:
        if self.asked:
            self._answered(self.asked, line)
            return
        try:
            text = line.decode()
        except UnicodeDecodeError:
            text = "\0"
        if not text.isprintable():
            self._refuse_characters(line)
            return
        verb, _, argument = text.partition(" ")
        command = self.commands.get(verb)
        if command is None:
            verb = verb.upper()
            command = self.commands.get(verb)
        self.verb = verb if command else "unknown"
        if self._has_more and (verb in _ENDS_A_GROUP or not self.peer.esmtp):
            self.peer.mark(peer_signs.UNAUTHORISED_PIPELINING)
        if len(line) >= LONGEST_COMMAND - 1 and len(line) + 2 > _LONGEST.get(verb, LONGEST_COMMAND):
            self.answer(replies.EXCHANGE_TOO_LONG if verb == "AUTH" else replies.LINE_TOO_LONG)
        elif command:
            self._run(command, argument.strip(" "))
        elif verb in _HTTP:
            self.give_up(replies.NOT_HTTP)
        else:
            self.answer(replies.NOT_RECOGNISED)

    def _refuse_characters(self, line: bytes) -> None:
        self.verb = "unknown"
        if b"\n" in line or b"\r" in line:
            self.give_up(replies.BARE_LINE_END)
        else:
            self.answer(replies.BAD_CHARACTERS)

    def _run(self, command: Command, argument: str) -> None:
        try:
            reply = command(self, argument)
        except errors.ServiceError as error:
            reply = replies.refusal(error)
        except Exception:  # RFC 5321 4.2.1: what went wrong here is for our log, and for the peer to try again
            self.listener.log.exception("smtp.command.failed", command=self.verb)
            reply = replies.INTERNAL
        if reply:
            self.answer(reply)

    def _answered(self, asked: asyncio.Future[bytes], line: bytes) -> None:
        self.was_answered()
        if asked.done():
            return
        if len(line) + 2 > LONGEST_AUTH:
            asked.set_exception(authentication.TooLong())
        else:
            asked.set_result(line)
