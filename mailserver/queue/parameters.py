"""MAIL and RCPT for one recipient, with what its message needs of the server."""

from dataclasses import dataclass

from mailserver.mail.reply import Reply
from mailserver.queue.extensions import Extensions


class Unsupported(Exception):
    """The server lacks what the message needs; the reply is ours and permanent."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(str(reply))


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one recipient, as the envelope has it. `sender` is '' for the null sender."""

    sender: str
    recipient: str
    size: int
    eight_bit: bool = False
    smtputf8: bool = False
    require_tls: bool = False
    ret: str | None = None
    envid: str | None = None
    notify: str | None = None
    orcpt: str | None = None
    by_seconds: int | None = None  # RFC 2852: what is left of the time; below 0 it is over
    by_mode: str = ""
    priority: int = 0  # RFC 6710


def commands(letter: Letter, extensions: Extensions) -> tuple[bytes, bytes]:
    """The two lines; Unsupported where the server cannot carry this message."""
    require(letter, extensions)
    mail = [f"MAIL FROM:<{letter.sender}>"]
    if extensions.offers("SIZE"):
        mail.append(f"SIZE={letter.size}")  # RFC 1870 6.1
    if letter.eight_bit:
        mail.append("BODY=8BITMIME")
    if _needs_utf8(letter):
        mail.append("SMTPUTF8")
    if letter.require_tls:
        mail.append("REQUIRETLS")
    if letter.by_seconds is not None and extensions.offers("DELIVERBY"):
        mail.append(f"BY={letter.by_seconds};{letter.by_mode}")  # RFC 2852 4.1.4
    if letter.priority and extensions.offers("MT-PRIORITY"):
        mail.append(f"MT-PRIORITY={letter.priority}")  # RFC 6710 4.2
    recipient = [f"RCPT TO:<{letter.recipient}>"]
    if extensions.offers("DSN"):  # RFC 3461 5.2.1: passed on as they came
        mail += [f"RET={letter.ret}"] if letter.ret else []
        mail += [f"ENVID={letter.envid}"] if letter.envid else []
        recipient += [f"NOTIFY={letter.notify}"] if letter.notify else []
        recipient += [f"ORCPT={letter.orcpt}"] if letter.orcpt else []
    return _line(mail), _line(recipient)


def require(letter: Letter, extensions: Extensions) -> None:
    """Raise Unsupported where the server lacks what the message needs."""
    if letter.require_tls and not extensions.offers("REQUIRETLS"):
        raise Unsupported(Reply(550, "5.7.30", "The server does not offer REQUIRETLS"))  # RFC 8689 4.2.1
    if _needs_utf8(letter) and not extensions.offers("SMTPUTF8"):
        raise Unsupported(Reply(550, "5.6.7", "The server does not take internationalised mail"))  # RFC 6531 3.2
    if letter.eight_bit and not extensions.offers("8BITMIME"):
        raise Unsupported(Reply(554, "5.6.3", "The server does not take 8-bit mail"))  # RFC 6152 3
    _refuse_haste(letter, extensions)
    limit = extensions.size_limit
    if limit is not None and letter.size > limit:
        raise Unsupported(Reply(552, "5.3.4", f"The server takes {limit} bytes, the message has {letter.size}"))


def _refuse_haste(letter: Letter, extensions: Extensions) -> None:
    """RFC 2852 4.1.4: a server that cannot promise so little time must not get a message that goes back after it."""
    if letter.by_seconds is None or not letter.by_mode.startswith("R"):
        return
    if extensions.offers("DELIVERBY") and letter.by_seconds < extensions.soonest_by_seconds:
        text = f"The message is wanted within {letter.by_seconds} seconds, and the server needs"
        raise Unsupported(Reply(550, "5.4.7", f"{text} {extensions.soonest_by_seconds}"))


def _needs_utf8(letter: Letter) -> bool:
    return letter.smtputf8 or not (letter.sender.isascii() and letter.recipient.isascii())


def _line(words: list[str]) -> bytes:
    text = " ".join(words)
    if not text.isprintable():  # nothing that came from outside may end the line and begin another
        raise Unsupported(Reply(553, "5.1.3", "The envelope has characters that no command may have"))
    return f"{text}\r\n".encode()
