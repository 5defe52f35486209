"""The commands of a session: HELO to QUIT, STARTTLS and AUTH (RFC 5321 4.1, RFC 3207, RFC 4954)."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

from mailserver.entities import errors
from mailserver.mail import network
from mailserver.mail.reply import Reply
from mailserver.smtp import authentication, replies
from mailserver.smtp.authentication import Login
from mailserver.smtp.dialogue import Dialogue

_NAME = re.compile(r"[!-~]{1,255}")  # RFC 5321 4.1.4: a name that is wrong is no reason to refuse; one that is none is
_HELP = replies.wire_lines(
    214,
    (
        "2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY EXPN HELP STARTTLS AUTH",
        "2.0.0 RFC 5321 says the rest",
    ),
)


class SessionCommands(Dialogue):
    """What can be said before, between and after messages."""

    __slots__ = ()

    def smtp_EHLO(self, argument: str) -> Reply | None:  # noqa: N802  aiosmtpd's naming
        """Begin, or begin anew (RFC 5321 4.1.1.1)."""
        if not self._greeted(argument, esmtp=True):
            return None
        tls = self.peer.tls is not None
        self.answer_raw(self.listener.ehlo(tls=tls, bindings=self.peer.bindings()))
        return None

    def smtp_HELO(self, argument: str) -> Reply | None:  # noqa: N802
        """Begin in the old way."""
        if self._greeted(argument, esmtp=False):
            self.answer_raw(f"250 {self.listener.hostname}\r\n".encode("ascii"))  # RFC 2034 4: HELO has no code
        return None

    def smtp_NOOP(self, argument: str) -> Reply | None:  # noqa: ARG002, N802  RFC 5321 4.1.1.9: any argument
        """Do nothing."""
        return self.unless_junk(replies.OK)

    def smtp_RSET(self, argument: str) -> Reply | None:  # noqa: N802
        """Forget the transaction (RFC 5321 4.1.1.5)."""
        if argument:
            return replies.NO_ARGUMENT
        self.reset()
        return self.unless_junk(replies.OK)

    def smtp_QUIT(self, argument: str) -> Reply | None:  # noqa: N802
        """End (RFC 5321 4.1.1.10)."""
        if argument:
            return replies.NO_ARGUMENT
        self.close_with(replies.BYE)
        return None

    def smtp_HELP(self, argument: str) -> Reply | None:  # noqa: ARG002, N802  one text helps with everything
        """Name the commands (RFC 5321 4.1.1.8)."""
        if self.unless_junk(replies.OK):
            self.answer_raw(_HELP)
        return None

    def smtp_VRFY(self, argument: str) -> Reply | None:  # noqa: N802
        """Say neither yes nor no (RFC 5321 3.5.3, 7.3)."""
        return self.unless_junk(replies.CANNOT_VERIFY if argument else replies.BAD_ARGUMENT)

    def smtp_EXPN(self, argument: str) -> Reply | None:  # type: ignore[override]  # noqa: ARG002, N802  ours answer at once
        """Tell nobody who is on a list (RFC 5321 7.3)."""
        return self.unless_junk(replies.NO_EXPN)

    def smtp_ETRN(self, argument: str) -> Reply | None:  # noqa: ARG002, N802
        """Know the command, and not do it."""
        return replies.NOT_IMPLEMENTED

    smtp_TURN = smtp_SEND = smtp_SOML = smtp_SAML = smtp_ETRN  # noqa: N815  aiosmtpd's naming

    def smtp_STARTTLS(self, argument: str) -> Reply | None:  # noqa: N802
        """Go over to TLS (RFC 3207 4)."""
        if argument:
            return replies.NO_ARGUMENT
        if self.peer.tls:
            return replies.ALREADY_TLS
        if not self.listener.tls:
            return replies.NOT_IMPLEMENTED
        self.reset()
        self.answer(replies.START_TLS)
        self.begin_tls()
        return None

    def smtp_AUTH(self, argument: str) -> Reply | None:  # noqa: N802
        """Log in (RFC 4954 4)."""
        authenticator = self.listener.policy.authenticator
        refusal = self._refuse_auth()
        if refusal or authenticator is None:
            return refusal or replies.NOT_IMPLEMENTED
        words = argument.split()
        if len(words) not in (1, 2):
            return replies.BAD_ARGUMENT
        mechanism = words[0].upper()
        initial = words[1] if len(words) > 1 else None
        bindings = self.peer.bindings()
        if mechanism not in authenticator.mechanisms(bindings):
            return replies.BAD_MECHANISM
        attempt = authenticator.run(mechanism, initial, self.ask, bindings, self.peer.address)
        self.start(self._log_in(mechanism, attempt), lambda reply: reply, replies.login_refusal)
        return None

    def reset(self) -> None:
        """Forget the transaction, and what came of its message."""
        self.peer.transaction = None
        if self.intake:
            self.intake.refuse(replies.OK)
            self.intake = None

    def _greeted(self, name: str, *, esmtp: bool) -> bool:
        if not _NAME.fullmatch(name):
            self.answer(replies.HELO_ARGUMENT)
            return False
        if self.peer.helo and not self.unless_junk(replies.OK):
            return False
        self.reset()
        self.peer.greet(name, esmtp=esmtp)
        return True

    def unless_junk(self, reply: Reply) -> Reply | None:
        """Count a command that brings no message nearer; after too many, end the connection instead."""
        self.peer.junk += 1
        if self.peer.junk <= self.listener.limits.junk_commands:
            return reply
        self.give_up(replies.TOO_MUCH_JUNK)
        return None

    def _refuse_auth(self) -> Reply | None:
        if self.listener.policy.authenticator is None:
            return replies.NOT_IMPLEMENTED
        if not self.peer.tls:
            return replies.ENCRYPTION_NEEDED
        if not self.peer.helo or not self.peer.esmtp:
            return replies.EHLO_FIRST
        if self.peer.caller:
            return replies.ALREADY_AUTHENTICATED
        return replies.NO_AUTH_IN_TRANSACTION if self.peer.transaction else None

    async def _log_in(self, mechanism: str, attempt: Coroutine[Any, Any, Login]) -> Reply | None:
        try:
            login = await attempt
        except ConnectionResetError:
            return None
        except authentication.Cancelled:
            return replies.CANCELLED
        except authentication.TooLong:
            return replies.EXCHANGE_TOO_LONG
        except authentication.Malformed:
            return await self._failed(mechanism, replies.BAD_BASE64)
        except errors.ServiceError as error:
            return await self._failed(mechanism, replies.login_refusal(error))
        self.peer.log_in(login.name, login.caller)
        self.listener.counts.logins[(mechanism, "accepted")] += 1
        return replies.AUTHENTICATED

    def _login_delay(self) -> float:
        """The more logins of an address fail, the longer each failure takes; not of this machine's proxies."""
        limits, address = self.listener.limits, self.peer.address
        authenticator = self.listener.policy.authenticator
        if authenticator is None or network.origin(address).is_loopback:
            return limits.login_delay_seconds
        base = limits.login_delay_seconds
        return min(base * max(1, authenticator.failures(address)), max(limits.longest_login_delay_seconds, base))

    async def _failed(self, mechanism: str, reply: Reply) -> Reply | None:
        self.peer.failed_logins += 1
        self.listener.counts.logins[(mechanism, "refused")] += 1
        self.listener.log.info(
            "smtp.login.refused",
            peer=self.peer.address,
            mechanism=mechanism,
            attempt=self.peer.failed_logins,
        )
        await asyncio.sleep(self._login_delay())
        if self.peer.failed_logins < self.listener.limits.login_attempts:
            return reply
        self.answer(reply)
        self.give_up(replies.TOO_MANY_LOGINS)
        return None
