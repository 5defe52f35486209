"""What is printed of certificates."""

import datetime as dt
from typing import Any

import click

Answer = dict[str, Any]


def certificate(row: Answer) -> None:
    """How one stands."""
    ends = f"until {_day(row['not_after_at'])}" if row["not_after_at"] else "none yet"
    signed = f" by {row['issuer']}" if row["source"] not in ("", "self-signed") else ""
    click.echo(f"{row['name']:30} {ends:18} {row['source']}{signed}")
    for name in row["names"]:
        click.echo(f"    {name}")
    for left in row["left_out"]:
        click.echo(f"    left out: {left['name']}, for {left['reason']}")
    if row["serial"]:
        click.echo(f"    serial {row['serial']}")
    for one in row["earlier"]:
        click.echo(f"    before it: serial {one['serial']}, until {_day(one['not_after_at'])}")
    if row["revoked_for"]:
        click.echo(f"    to be replaced: it is revoked, or about to be ({row['revoked_for']})")
    if row["renew_at"]:
        click.echo(f"    to be renewed {_day(row['renew_at'])}")
    if row["last_error"]:
        again = f"; tried again {_time(row['next_attempt_at'])}" if row["next_attempt_at"] else ""
        click.echo(f"    refused {_time(row['last_attempt_at'])}: {row['last_error']}{again}")
    if row["next_tlsa"]:
        click.echo(f"    publish for the next key: {row['next_tlsa']}")
        click.echo(f"    {_waiting(row)}")


def rekeyed(answer: Answer) -> None:
    """How far a change of keys is."""
    certificate(answer["state"])
    _records({**answer, "publish": ""} if answer["state"]["next_tlsa"] else answer)


def revoked(answer: Answer) -> None:
    """What became of a wish to have certificates revoked."""
    changed = answer["changed"]
    for serial in answer["serials"]:
        click.echo(f"{changed['name']}: {_fate(answer)}: {serial} ({answer['reason']})")
    if answer["error"]:
        click.echo(f"    the authority: {answer['error']}")
    _records(changed)
    if changed["state"] is None:
        click.echo("    nothing is served in its place: this server is not responsible for the name any more")
    else:
        certificate(changed["state"])


def _fate(answer: Answer) -> str:
    if answer["is_done"]:
        return "revoked"
    return "not revoked" if answer["is_refused"] else "not revoked yet, asked for again every quarter of an hour"


def _records(changed: Answer) -> None:
    if changed["publish"]:
        click.echo(f"    publish, where you have TLSA records: {changed['publish']}")
    for record in changed["remove"]:
        click.echo(f"    take away: {record}")


def _waiting(row: Answer) -> str:
    if row["next_key_at"]:
        return f"it is there; the key changes {_time(row['next_key_at'])}"
    return "the server has not seen it in DNS yet, and keeps the present key until then"


def _day(at: int) -> str:
    return f"{dt.datetime.fromtimestamp(at / 1000, dt.UTC):%Y-%m-%d}"


def _time(at: int) -> str:
    return f"{dt.datetime.fromtimestamp(at / 1000, dt.UTC):%Y-%m-%d %H:%M} UTC"
