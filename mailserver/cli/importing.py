"""Bring mail from elsewhere into inboxes."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mailserver.cli import exits, imap_accounts, progress, talking
from mailserver.cli.accounts import show
from mailserver.cli.connection import Operator
from mailserver.cli.imap_accounts import Account, ImapServer
from mailserver.dns import DnsResolver
from mailserver.fetch import Fetch
from mailserver.transfer import jmap_source
from mailserver.transfer.importing import Import
from mailserver.transfer.jmap_source import JmapSource
from mailserver.transfer.maildir import MaildirSource
from mailserver.transfer.mbox_source import MboxSource
from mailserver.transfer.source import Dropped, NoSource, Source, SourceProblem, Unreachable, WrongPassword
from mailserver.transfer.tally import Progress, Tally
from mailserver.transfer.target import Ask, Target, TargetRefused

_CODES: dict[type[SourceProblem], int] = {
    NoSource: exits.BAD_DATA,
    WrongPassword: exits.PERMISSION,
    Unreachable: exits.UNAVAILABLE,
    Dropped: exits.TEMPORARY,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """How an import is wanted."""

    folders: tuple[str, ...]
    is_again: bool
    marks_seen: bool
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class Job:
    """A source and the inbox that it goes to."""

    source: Source
    inbox: str


def _common(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--seen", is_flag=True, help="Mark everything as read."),
        click.option("--again", is_flag=True, help="Bring back what was imported once and has been deleted since."),
        click.option("--folder", "folders", multiple=True, help="Only this folder of the source; may be repeated."),
    ):
        command = option(command)
    return command


_inbox = click.option("--inbox", required=True, metavar="ADDRESS", help="The inbox that it goes to.")


@click.group("import")
def importing() -> None:
    """Bring mail from elsewhere: once, with its folders, flags and dates.

    Run again it brings what is new. Nobody is told of old mail, and no rule is applied to it.
    """


@importing.command("maildir")
@click.argument("directory", type=click.Path(path_type=Path))
@_inbox
@_common
@click.pass_obj
def maildir(operator: Operator, /, directory: Path, inbox: str, **given: Any) -> None:
    """Import a Maildir with the folders in it (Maildir++, or directories in one another)."""
    _run(operator, [Job(MaildirSource(directory), inbox)], _wish(given))


@importing.command("mbox")
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@_inbox
@click.option("--into", metavar="FOLDER", help="One folder for all of it; / stands between a folder and one in it.")
@_common
@click.pass_obj
def mbox(operator: Operator, /, paths: tuple[Path, ...], inbox: str, into: str | None, **given: Any) -> None:
    """Import mbox files, each as a folder, or directories of them."""
    names = tuple(each for each in (into or "").split("/") if each)
    _run(operator, [Job(MboxSource(paths, names), inbox)], _wish(given))


@importing.command("imap")
@click.argument("host")
@click.option("--inbox", metavar="ADDRESS", help="The inbox that it goes to.")
@click.option("--user", help="The account's user name, where it is not the address of the inbox.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds the account's password.")
@click.option(
    "--accounts", type=click.Path(path_type=Path), help="A CSV file: user, password, inbox; a line an account."
)
@click.option("--port", type=click.IntRange(1, 65_535), help="993, or 143 without TLS.")
@click.option("--starttls", is_flag=True, help="TLS after STARTTLS, on port 143, in place of TLS from the start.")
@click.option("--no-tls", is_flag=True, help="Without TLS; the password can be read on the way.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Authorities that vouch for the server's certificate.")
@click.option("--oauth", is_flag=True, help="The password is an OAuth 2 access token (XOAUTH2: Google, Microsoft).")
@click.option("--connections", type=click.IntRange(1, 20), default=3, show_default=True, help="Folders at once.")
@click.option("--accounts-at-once", type=click.IntRange(1, 50), default=4, show_default=True)
@_common
@click.pass_obj
def imap(
    operator: Operator, /, host: str, inbox: str | None, user: str | None, password_file: Path | None,
    accounts: Path | None, port: int | None, starttls: bool, no_tls: bool, ca_file: Path | None, oauth: bool,
    connections: int, accounts_at_once: int, **given: Any,
) -> None:  # fmt: skip
    """Import accounts of the IMAP server HOST; several folders at once, and several accounts."""
    if (accounts is None) == (inbox is None) or (accounts and (user or password_file)):
        exits.fail(exits.USAGE, "Give either --inbox with one account's password, or --accounts.")
    if no_tls and (starttls or oauth):
        exits.fail(exits.USAGE, "Without TLS there is no STARTTLS, and no token is shown to whoever listens.")
    server = ImapServer(host, port, starttls, no_tls, ca_file, oauth)
    if accounts:
        rows = imap_accounts.listed(accounts)
    else:
        rows = [Account(user or str(inbox), imap_accounts.secret(password_file, is_token=oauth), str(inbox))]
    jobs = [Job(*each) for each in imap_accounts.sources(server, rows)]
    _run(operator, jobs, _wish(given, connections), accounts_at_once)


@importing.command("jmap")
@click.argument("url")
@_inbox
@click.option("--user", help="The account's user name, where it is not the address of the inbox.")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds the account's password.")
@click.option("--token-file", type=click.Path(path_type=Path), help="A file that holds a token instead.")
@_common
@click.pass_obj
def jmap(
    operator: Operator, /, url: str, inbox: str, user: str | None, password_file: Path | None, token_file: Path | None,
    **given: Any,
) -> None:  # fmt: skip
    """Import the account whose JMAP session is at URL."""
    if given["folders"]:
        exits.fail(exits.USAGE, "Mail of a JMAP account lies in several folders; all of it is imported.")
    if token_file is not None:
        account = jmap_source.Account(url, token=imap_accounts.typed(token_file))
    else:
        account = jmap_source.Account(url, user or inbox, imap_accounts.typed(password_file))
    dns = operator.settings().dns
    web = Fetch(DnsResolver(dns.nameservers, dns.timeout_seconds))
    _run(operator, [Job(JmapSource(account, web), inbox)], _wish(given), closes=web)


def _wish(given: dict[str, Any], sessions: int = 1) -> Wish:
    return Wish(tuple(given["folders"]), given["again"], given["seen"], sessions)


def _run(operator: Operator, jobs: Sequence[Job], wish: Wish, at_once: int = 1, closes: Fetch | None = None) -> None:
    async def work() -> list[Tally]:
        slots = asyncio.Semaphore(at_once)
        try:
            async with talking.talking(operator) as ask:
                with progress.shown(as_json=operator.as_json) as watching:
                    watched = [progress.Named(watching, job.inbox) if len(jobs) > 1 else watching for job in jobs]
                    pairs = zip(jobs, watched, strict=True)
                    return list(await asyncio.gather(*(_one(job, wish, ask, each, slots) for job, each in pairs)))
        finally:
            if closes is not None:
                await closes.close()

    tallies = asyncio.run(work())
    _tell(operator, tallies)
    if all(each.is_whole for each in tallies):
        return
    codes = {each.code for each in tallies}
    sys.exit(codes.pop() if len(codes) == 1 and 0 not in codes else exits.CHECK_FAILED)


async def _one(job: Job, wish: Wish, ask: Ask, watching: Progress, slots: asyncio.Semaphore) -> Tally:
    async with slots:
        work = Import(
            job.source, Target(ask, job.inbox, job.source.identity), watching, wish.sessions,
            is_again=wish.is_again, marks_seen=wish.marks_seen,
        )  # fmt: skip
        try:
            return await work.run(wish.folders)
        except SourceProblem as problem:
            work.tally.problem, work.tally.code = str(problem), _CODES.get(type(problem), exits.CHECK_FAILED)
        except TargetRefused as refusal:
            work.tally.problem, work.tally.code = str(refusal), exits.of_error(refusal.name)
        return work.tally


def _tell(operator: Operator, tallies: Sequence[Tally]) -> None:
    if operator.as_json:
        documents = [each.document() for each in tallies]
        show(operator, documents[0] if len(documents) == 1 else {"accounts": documents})
    for each in tallies:
        sums = each.sums
        if not operator.as_json:
            click.echo(
                f"{each.inbox}: {sums['imported']:,} imported, {sums['there']:,} there already, "
                f"{sums['failed']:,} failed"
            )
        for failure in each.failures:
            click.echo(f"  {failure['folder']}: {failure['message']}: {failure['reason']}", err=True)
        if sums["failed"] > len(each.failures):
            click.echo(f"  and {sums['failed'] - len(each.failures):,} more.", err=True)
        for folder in each.folders:
            if folder.problem:
                click.echo(f"  {folder.name}: {folder.problem}", err=True)
        if each.problem:
            click.echo(f"mailserver: {each.inbox}: {each.problem}", err=True)
