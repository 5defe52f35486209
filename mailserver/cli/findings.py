"""What was found, for people to read."""

import os
import sys
from typing import Any

import click

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
_ORDER = ("failed", "warning", "skipped", "ok")


def show(rows: list[dict[str, Any]]) -> None:
    """Print findings, each with why it matters and how to mend it where it is not well, and how many of each."""
    width = max((len(row["check"]) for row in rows), default=0)
    for row in rows:
        about = f"{row['subject']}: " if row["subject"] else ""
        _line(f"{_status(row['status'])}  {row['check']:{width}}  {about}{row['detail']}")
        if row["status"] in ("failed", "warning"):
            _line(f"{'':9} {'':{width}}  why: {row['why']}")
            if row["fix"]:
                _line(f"{'':9} {'':{width}}  fix: {row['fix']}")
    _line(summary(rows))


def summary(rows: list[dict[str, Any]]) -> str:
    """How many of each status there are."""
    counts = [(status, sum(row["status"] == status for row in rows)) for status in _ORDER]
    return ", ".join(f"{count} {status}" for status, count in counts if count) or "Nothing was looked at."


def _status(status: str) -> str:
    return click.style(f"{status:8}", fg=_COLOURS[status])


def _line(text: str) -> None:
    click.echo(text, color=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
