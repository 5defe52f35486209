"""Accounts of an IMAP server as a command names them, with their secrets."""

import csv
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from mailserver import trust
from mailserver.cli import exits
from mailserver.cli.accounts import password_from

IMAP = "mailserver.transfer.imap_source"
IMAP_LOGIN = "mailserver.transfer.imap_login"
LONGEST_ACCOUNTS = 10_000
STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class ImapServer:
    """Where accounts are."""

    host: str
    port: int | None
    starts_tls: bool
    is_clear: bool
    ca_file: Path | None
    has_tokens: bool


@dataclass(frozen=True, slots=True)
class Account:
    """One of them, and the inbox that it goes to."""

    user: str
    secret: Callable[[], str] = field(repr=False)
    inbox: str


def sources(server: ImapServer, accounts: Sequence[Account]) -> Iterator[tuple[Any, str]]:
    """A source for each account, with the inbox that it goes to."""
    source, login = _rooms()
    context = None if server.is_clear else _tls(server.ca_file)
    port = server.port or (143 if server.is_clear or server.starts_tls else 993)
    for each in accounts:
        way = login.Login(server.host, port, each.user, each.secret, context, server.starts_tls, server.has_tokens)
        yield source.ImapSource(way), each.inbox


def typed(path: Path | None) -> str:
    """What is in a file, or typed where none is named."""
    return str(click.prompt("Password", hide_input=True, err=True)) if path is None else password_from(path)


def secret(path: Path | None, *, is_token: bool) -> Callable[[], str]:
    """The same, whenever it is asked for; a token's file is read again each time, as tokens are renewed."""
    first = typed(path)
    return partial(password_from, path) if is_token and path not in (None, STDIN) else lambda: first


def listed(path: Path) -> list[Account]:
    """Users, passwords and inboxes of a CSV file; a line that begins with # says nothing."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        exits.fail(exits.BAD_DATA, f"{path} cannot be read: {error}.")
    for number, row in enumerate(rows, 1):
        if len(row) != 3 or not all(each.strip() for each in row):
            exits.fail(exits.BAD_DATA, f"{path}: line {number} is not user,password,inbox.")
    if not rows or len(rows) > LONGEST_ACCOUNTS:
        exits.fail(exits.BAD_DATA, f"{path} names {len(rows):,} accounts; 1 to {LONGEST_ACCOUNTS:,} go at once.")
    return [Account(row[0].strip(), partial(str, row[1]), row[2].strip()) for row in rows]


def _rooms() -> tuple[Any, Any]:
    """What reads IMAP; the end with its sentence where the library for it is not installed."""
    try:
        return import_module(IMAP), import_module(IMAP_LOGIN)
    except ModuleNotFoundError as error:
        if error.name != "aioimaplib":
            raise
        exits.fail(
            exits.UNAVAILABLE,
            "Importing from IMAP needs the library aioimaplib, whose licence (GPL-3.0) keeps it out of what is "
            "installed with the server. Get it with: pip install 'mailserver[imap-import]'.",
        )


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return trust.context(ca_file)
    except OSError as error:
        exits.fail(exits.BAD_DATA, f"{ca_file} holds no certificates that can be read: {error}.")
