"""The manual page, written from the commands themselves (man(7))."""

import re
from collections.abc import Iterator

import click

from mailserver import __version__

_ESCAPED = re.compile(r"^([.'])", re.MULTILINE)
_EXITS = (
    ("0", "done"), ("1", "a check failed"), ("2", "the command was written wrongly"), ("3", "no server runs"),
    ("65", "bad input data"), ("69", "something that is needed is not there"), ("73", "cannot create"),
    ("74", "input or output failed"), ("75", "failed for now; try again"), ("77", "not permitted"),
    ("78", "the configuration cannot be used"),
)  # fmt: skip
_FILES = (
    ("/etc/mailserver/config.toml", "the configuration; --config or MAILSERVER_CONFIG names another"),
    ("/var/lib/mailserver", "everything that must survive, where data_dir says nothing else"),
    ("/run/mailserver/admin.sock", "how commands talk to the running server"),
)


@click.command("man")
@click.pass_context
def manual(context: click.Context) -> None:
    """Print the manual page: mailserver man | man -l -."""
    click.echo("\n".join(page(click.Context(context.find_root().command, info_name="mailserver"))))


def page(context: click.Context) -> Iterator[str]:
    """The lines of mailserver(8)."""
    yield f'.TH MAILSERVER 8 "" "mailserver {__version__}" "System administration"'
    yield from (".SH NAME", r"mailserver \- a mail server with an embedded API")
    yield from (".SH SYNOPSIS", r".B mailserver", r"[\fB\-\-config\fR \fIPATH\fR] [\fB\-\-json\fR] \fICOMMAND\fR ...")
    yield ".SH DESCRIPTION"
    yield _text(
        "One process receives, keeps, queues and sends mail, and serves HTTP APIs and JMAP over the same store."
    )
    yield _text(
        "Commands that change something talk to the running server, and open the data directory themselves only where "
        "none runs. Data goes to the standard output, messages to the standard error."
    )
    yield ".SH OPTIONS"
    yield from _options(context.command, context)
    yield ".SH COMMANDS"
    yield from _commands(context)
    yield ".SH EXIT STATUS"
    yield from _table(_EXITS)
    yield ".SH FILES"
    yield from _table(_FILES)
    yield ".SH ENVIRONMENT"
    yield _text(
        "Every key of the configuration is a variable too: MAILSERVER_ before it, two underscores between table and "
        "key, such as MAILSERVER_SMTP__MX_LISTEN. NO_COLOR turns colours off."
    )
    yield from (".SH SEE ALSO", ".BR systemctl (1), journalctl (1), sendmail (8)")


def _commands(context: click.Context) -> Iterator[str]:
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, parent=context, info_name=name)
        if isinstance(command, click.Group):
            yield from _commands(inner)
            continue
        pieces = " ".join(command.collect_usage_pieces(inner))
        yield f'.SS "{_text(inner.command_path)} {_text(pieces)}"'
        yield _text((command.help or "").replace("\b", ""))
        yield from _options(command, inner)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and not record[0].endswith("--help"):
            yield from (".TP", rf"\fB{_text(record[0])}\fR", _text(record[1]) or r"\&")


def _table(rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for name, meaning in rows:
        yield from (".TP", rf"\fB{_text(name)}\fR", _text(meaning))


def _text(text: str) -> str:
    """Plain text as roff takes it: a line is one paragraph's, and nothing in it is a request."""
    paragraphs = [" ".join(each.split()) for each in text.strip().split("\n\n")]
    joined = "\n.PP\n".join(each.replace("\\", r"\e").replace("-", r"\-") for each in paragraphs)
    return "\n".join(line if line == ".PP" else _ESCAPED.sub(r"\\&\1", line) for line in joined.split("\n"))
