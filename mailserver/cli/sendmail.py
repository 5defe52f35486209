"""Stand in for /usr/sbin/sendmail: what programs on this machine pipe in is queued (sendmail(8))."""

import getopt
import os
import pwd
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import orjson

from mailserver.admin.address import SUBMIT_SOCKET
from mailserver.cli import exits, talk_once
from mailserver.cli.connection import Operator
from mailserver.mail import dsn_parameters
from mailserver.settings import loading
from mailserver.settings.configuration import Settings

READ_BYTES = 1 << 20
_OPTIONS = "AB:C:F:GIL:N:O:R:UV:X:b:c:e:f:h:imno:p:q:r:tvx"


@dataclass
class _Said:
    """What the options say."""

    recipients: list[str] = field(default_factory=list)
    mode: str = "m"  # -b
    arguments: dict[str, Any] = field(default_factory=dict)
    runs_queue: bool = False


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"], "allow_interspersed_args": False}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def sendmail(operator: Operator, arguments: tuple[str, ...]) -> None:
    """Queue a message from standard input, as /usr/sbin/sendmail does: -t -i -f SENDER -F NAME RECIPIENT….

    -t reads To, Cc and Bcc; -i does not end at a line of one dot; -N, -R and -V are those of delivery reports; -bp
    lists the queue, -q tries all of it again. Other options of sendmail(8) are taken and mean nothing here.
    """
    said = _read(arguments)
    if said.mode == "p":
        for row in operator.run("queue.list"):
            click.echo(f"{row['id']:24} {row['state']:9} {row['recipient']:40} {row['last_reply'] or ''}")
        return
    if said.mode == "i":
        return  # aliases are inboxes' own: there is no file to read again
    if said.mode != "m":
        exits.fail(exits.UNAVAILABLE, f"sendmail -b{said.mode} is not provided; speak SMTP to the submission port.")
    if said.runs_queue:
        operator.run("queue.retry", ids=[row["id"] for row in operator.run("queue.list", states=["queued"])])
        return
    _send(operator, said)


def _send(operator: Operator, said: _Said) -> None:
    loaded = _settings(operator)
    content = _input(loaded.limits.message_bytes)
    said.arguments["recipients"] = said.recipients
    said.arguments["user"] = _user()
    answer = _ask(loaded.runtime_dir / "admin.sock", said, content)
    answer = answer or _ask(loaded.runtime_dir / SUBMIT_SOCKET, said, content)
    if answer is None:
        sentence = "The message is not sent: the server does not run, or sendmail.inbox is not set for other users."
        exits.fail(exits.TEMPORARY, sentence)
    if "error" in answer:
        exits.fail(exits.of_error(answer["error"]), answer["message"])
    if operator.as_json:
        click.echo(orjson.dumps(answer["result"]).decode())


def _ask(path: Path, said: _Said, content: bytes) -> dict[str, Any] | None:
    """The server's answer; None where nobody listens, or the socket is for others."""
    try:
        return talk_once.ask(path, "sendmail", said.arguments, content)
    except PermissionError:
        return None


def _settings(operator: Operator) -> Settings:
    """The configuration; the defaults for users who may not read it, since the running server has its own."""
    path = loading.file_of(operator.config)
    if path is None or os.access(path, os.R_OK) or not path.exists():
        return operator.settings()
    return loading.load(Path(os.devnull))


def _read(arguments: tuple[str, ...]) -> _Said:
    try:
        options, recipients = getopt.gnu_getopt([each for each in arguments if each != "-q"], _OPTIONS)
    except getopt.GetoptError as error:
        exits.fail(exits.USAGE, f"sendmail: {error}.")
    said = _Said([one.strip() for each in recipients for one in each.split(",") if one.strip()])
    said.runs_queue = "-q" in arguments
    for option, value in options:
        if option == "-b":
            said.mode = value
        elif option in _MEANT:
            name, read = _MEANT[option]
            said.arguments[name] = read(value)
        said.runs_queue |= option == "-q"
        if option + value in ("-i", "-oi"):
            said.arguments["ends_at_dot"] = False
    return said


def _notify(text: str) -> str:
    try:
        return dsn_parameters.notify(text.replace(" ", ""))
    except dsn_parameters.BadParameter:
        exits.fail(exits.USAGE, "sendmail: -N is never, or some of success,failure,delay.")


def _sender(text: str) -> str:
    return "" if text == "<>" else text.strip("<>")


_MEANT: dict[str, tuple[str, Callable[[str], Any]]] = {
    "-t": ("reads_header", lambda _: True),
    "-f": ("sender", _sender),
    "-r": ("sender", _sender),
    "-F": ("full_name", str),
    "-N": ("notify", _notify),
    "-R": ("ret", lambda text: {"full": "FULL", "hdrs": "HDRS"}.get(text.lower())),
    "-V": ("envid", str),
}


def _input(most: int) -> bytes:
    """What is piped in, of at most so many octets."""
    pieces: list[bytes] = []
    left = most + 1
    while left and (piece := sys.stdin.buffer.read(min(left, READ_BYTES))):
        pieces.append(piece)
        left -= len(piece)
    if not left:
        exits.fail(exits.BAD_DATA, f"The message has more than the {most:,} octets of limits.message_bytes.")
    return b"".join(pieces)


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
