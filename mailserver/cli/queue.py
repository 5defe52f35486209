"""List, show, hold, release, retry and drop queued mail."""

import time
from typing import Any

import click

from mailserver.cli import exits
from mailserver.cli.accounts import show
from mailserver.cli.connection import Operator


@click.group()
def queue() -> None:
    """Look at mail that waits to be delivered, and decide about it."""


@queue.command("list")
@click.option("--domain", help="Only recipients of this domain.")
@click.option("--all", "everything", is_flag=True, help="Finished deliveries too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=1000, show_default=True)
@click.pass_obj
def queue_list(operator: Operator, domain: str | None, everything: bool, limit: int) -> None:
    """List what waits: why, and when it is tried next."""
    states = ["queued", "held", "delivered", "failed", "suppressed", "dropped"] if everything else ["queued", "held"]
    rows = operator.run("queue.list", domain=domain, states=states, limit=limit)
    if operator.as_json:
        show(operator, rows)
        return
    if not rows:
        click.echo("The queue is empty.")
    for row in rows:
        click.echo(f"{row['id']}  {row['state']:9} {row['sender'] or '<>'} -> {row['recipient']}  {_when(row)}")
        if row["last_reply"]:
            click.echo(f"    {row['last_host'] or ''} said: {row['last_reply']}")


@queue.command("show")
@click.argument("identifier", metavar="ID")
@click.pass_obj
def queue_show(operator: Operator, identifier: str) -> None:
    """Show one delivery with everything that was tried."""
    row = operator.run("queue.show", id=identifier)
    if operator.as_json:
        show(operator, row)
        return
    tried = row.pop("tried")
    show(operator, {name: _readable(name, value) for name, value in row.items() if value is not None})
    for each in tried:
        click.echo(
            f"  {_time(each['started_at'])}  {each['result'] or '':9} {each['host'] or ''}  {each['reply'] or ''}"
        )


def _move(name: str, explanation: str, *, destructive: bool = False) -> None:
    @queue.command(name, help=explanation)
    @click.argument("identifiers", metavar="ID...", nargs=-1, required=True)
    @click.option("--yes", is_flag=True, help="Do it without being asked.", hidden=not destructive)
    @click.pass_obj
    def command(operator: Operator, identifiers: tuple[str, ...], yes: bool) -> None:
        if destructive and not yes:
            exits.fail(exits.USAGE, "This takes mail out of the queue for good; add --yes to do it.")
        answer = operator.run(f"queue.{name}", ids=list(identifiers))
        if operator.as_json:
            show(operator, answer)
        else:
            click.echo(f"{len(answer['ids'])} of {len(identifiers)} changed.")


_move("retry", "Try now what waits.")
_move("hold", "Keep deliveries back until they are released.")
_move("release", "Let held deliveries go.")
_move("drop", "Take deliveries out of the queue; nobody is told.", destructive=True)


def _when(row: dict[str, Any]) -> str:
    if row["next_attempt_at"] is None:
        return ""
    seconds = row["next_attempt_at"] / 1000 - time.time()
    if row["release_at"] and seconds > 0 and row["next_attempt_at"] <= row["release_at"]:
        return f"held by its sender until {_time(row['release_at'])}"
    return f"attempt {row['attempts'] + 1} " + (f"in {_span(seconds)}" if seconds > 0 else "now")


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _time(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds / 1000))


def _readable(name: str, value: Any) -> Any:
    return _time(value) if name.endswith("_at") else value
