"""Watch DNS until a domain's records are right."""

import sys
import time
from typing import Any

import click

from mailserver.cli import findings
from mailserver.cli.connection import Operator

CHECKS = ("host.address", "dns", "spf", "mta-sts")
_BAD = ("failed", "warning")
Rows = list[dict[str, Any]]


def look(operator: Operator, domain: str) -> Rows:
    """How the records of a domain stand."""
    rows: Rows = operator.run("doctor", domain=domain, only=list(CHECKS))
    return rows


def is_right(rows: Rows) -> bool:
    """Whether every record is there and nothing else fails; what is only advised against may stay."""
    return not any(row["status"] == "failed" or _is_lacking(row) for row in rows)


def until_right(operator: Operator, domain: str, interval_seconds: float, most_seconds: float) -> Rows:
    """Look again and again, and tell what changes; what was seen last, be it right or the time over."""
    ends_at = time.monotonic() + most_seconds
    before: dict[str, str] = {}
    while True:
        rows = look(operator, domain)
        if not operator.as_json:
            before = _tell(rows, before)
        if is_right(rows) or time.monotonic() + interval_seconds > ends_at:
            return rows
        time.sleep(interval_seconds)


def _is_lacking(row: dict[str, Any]) -> bool:
    """Whether a record of the zone is missing or wrong: `p=none` is neither."""
    is_record = str(row["check"]).startswith("dns.") and str(row["fix"]).startswith("Publish")
    return is_record and row["status"] == "warning"


def _tell(rows: Rows, before: dict[str, str]) -> dict[str, str]:
    """A clear picture on a terminal; elsewhere a line for each change."""
    now = {f"{row['check']} {row['subject']} {_what(row)}": row["status"] for row in rows}
    if sys.stdout.isatty():
        if now != before:
            click.clear()
            findings.show(rows)
            if not is_right(rows):
                click.echo("Waiting for these records to be published; Ctrl-C ends this, and changes nothing.")
        return now
    for row in rows:
        if before.get(f"{row['check']} {row['subject']} {_what(row)}") != row["status"]:
            click.echo(f"{row['status']:8} {row['check']} {row['subject']}: {row['detail']}")
            if row["status"] in _BAD and row["fix"]:
                click.echo(f"         {row['fix']}")
    if now != before:
        click.echo(findings.summary(rows))
    return now


def _what(row: dict[str, Any]) -> str:
    """The record that a finding is about: its detail begins with type and name."""
    return " ".join(str(row["detail"]).split()[:2])
