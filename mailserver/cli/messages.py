"""Find messages, show them, and tell what became of them."""

import sys
import time
from datetime import UTC, datetime
from typing import Any

import click

from mailserver.cli import exits
from mailserver.cli.accounts import show as show_answer
from mailserver.cli.connection import Operator

_SHOWN_AS_TIME = ("next_attempt_at", "release_at", "expires_at")


@click.group()
def message() -> None:
    """Find messages, show them, and tell what became of them."""


@message.command("trace")
@click.argument("identifier", metavar="ID")
@click.pass_obj
def message_trace(operator: Operator, identifier: str) -> None:
    """Tell the whole story of a message: ID is msg_…, que_… or dlv_…, or a Message-ID."""
    answer = operator.run("message.trace", id=identifier)
    if operator.as_json:
        show_answer(operator, answer)
        return
    click.echo(f"{answer['message_id'] or ''}  {' '.join(answer['queue_ids'])}".strip())
    for line in answer["story"]:
        facts = {
            name: value for name, value in line.items() if name not in ("at", "what") and value not in (None, "", [])
        }
        click.echo(f"{_time(line['at'])}  {line['what']}")
        for name, value in facts.items():
            click.echo(f"    {name:20} {_time(value) if name in _SHOWN_AS_TIME else _plain(value)}")
    for gap in answer["gaps"]:
        click.echo(f"mailserver: {gap}", err=True)


@message.command("show")
@click.argument("identifier", metavar="ID")
@click.option("--raw", is_flag=True, help="Write the bytes of the message to standard output.")
@click.pass_obj
def message_show(operator: Operator, identifier: str, raw: bool) -> None:
    """Show the header of a stored message: ID is msg_… or a Message-ID."""
    answer = operator.run("message.show", id=identifier)
    path = operator.settings().data_dir / "mail" / answer["location"]
    try:
        content = path.read_bytes()
    except PermissionError:
        exits.fail(exits.PERMISSION, f"{path} belongs to the server's user; run this as that user.")
    except OSError as error:
        exits.fail(exits.IO, f"{path} cannot be read: {error.strerror}.")
    if raw:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    head = content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").replace("\r\n", "\n")
    if operator.as_json:
        show_answer(operator, answer | {"header": head})
    else:
        click.echo(head)


@message.command("find")
@click.option("--from", "sender", help="A word or address of From.")
@click.option("--to", "recipient", help="A word or address of To or Cc.")
@click.option("--subject", help="Words of the subject.")
@click.option("--message-id", help="The Message-ID.")
@click.option("--since", type=click.DateTime(), help="Received at or after this time, in UTC.")
@click.option("--until", type=click.DateTime(), help="Received before this time, in UTC.")
@click.option("--inbox", help="Only of the inbox with this address.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.pass_obj
def message_find(
    operator: Operator, sender: str | None, recipient: str | None, subject: str | None, message_id: str | None,
    since: datetime | None, until: datetime | None, inbox: str | None, limit: int,
) -> None:  # fmt: skip
    """List stored messages, the newest first."""
    wanted: dict[str, Any] = {
        "from": sender, "to": recipient, "subject": subject, "message_id": message_id, "since": _milliseconds(since),
        "until": _milliseconds(until), "inbox": inbox, "limit": limit,
    }  # fmt: skip
    rows = operator.run("message.find", **wanted)
    if operator.as_json:
        show_answer(operator, rows)
        return
    for row in rows:
        click.echo(
            f"{row['id']}  {_time(row['received_at'])}  {', '.join(row['from'])} -> {row['inbox']}  {row['subject']}"
        )


def _milliseconds(given: datetime | None) -> int | None:
    return None if given is None else int(given.replace(tzinfo=UTC).timestamp() * 1000)


def _time(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{rest:03d}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_plain(each) for each in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={_plain(each)}" for name, each in value.items() if each not in (None, "", [], {}))
    return str(value)
