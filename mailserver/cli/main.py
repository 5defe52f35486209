"""Parse arguments and pick the verb."""

from pathlib import Path

import click

from mailserver import __version__
from mailserver.cli.connection import Operator
from mailserver.cli.lazy import LazyGroup

# Where each command is, and its first sentence: `--help` and a shell that completes read none of the files.
COMMANDS = {
    "serve": ("serve:serve", "Run in the foreground until SIGTERM or SIGINT, then drain."),
    "localserve": (
        "localserve:localserve",
        "Serve on loopback and deliver nowhere: an inbox gets whatever your application sends, to whatever address.",
    ),
    "demo": ("demo:demo", "Start an appliance on loopback with its data in a directory, and print what to paste next."),
    "setup": ("setup:setup", "Set this machine up as the mail server HOST, and print what DNS has to say."),
    "bootstrap": ("accounts:bootstrap", "Make a tenant with owner, verified domain, DKIM keys, inbox and tokens."),
    "domain": ("accounts:domain", "Add, list and remove mail domains."),
    "inbox": ("inboxes:inbox", "Add, list, limit and remove inboxes."),
    "tenant": ("inboxes:tenant", "List tenants, and say how much their inboxes hold together."),
    "user": ("users:user", "Make, list, change and remove the people who log in."),
    "token": ("tokens:token", "Create, list and revoke agent tokens and API keys."),
    "dns": ("dns:dns", "Show what DNS needs, and see whether it has it."),
    "doctor": (
        "doctor:doctor",
        "Look at everything that has to be right, of one DOMAIN or of all; exit 1 where something fails.",
    ),
    "dkim": ("dkim:dkim", "Show and change the keys that sign a domain's mail."),
    "cert": ("certificates:cert", "Show, renew and revoke the certificates of this server, and change their keys."),
    "forward": ("forwarding:forward", "Let the mail of an inbox, or of one alias, go on to another address."),
    "rule": ("rules:rule", "Say who may write to us, and to whom we may write."),
    "sieve": ("scripts:sieve", "Keep Sieve scripts; the active one runs for every message that comes in."),
    "queue": ("queue:queue", "Look at mail that waits to be delivered, and decide about it."),
    "message": ("messages:message", "Find messages, show them, and tell what became of them."),
    "sendmail": (
        "sendmail:sendmail",
        "Queue a message from standard input, as /usr/sbin/sendmail does: -t -i -f SENDER -F NAME RECIPIENT….",
    ),
    "log": ("log:log", "See and change how much the running server logs."),
    "reports": ("reports:reports", "Read what others report about our domains, and what we report about theirs."),
    "backup": ("backup:backup", "Add a backup to the directory TARGET, while the server runs or not."),
    "restore": (
        "backup:restore",
        "Put a backup from the directory SOURCE into the data directory of a server that does not run.",
    ),
    "import": ("importing:importing", "Bring mail from elsewhere: once, with its folders, flags and dates."),
    "export": ("exporting:exporting", "Write an inbox down for other programs: every folder, with flags and dates."),
    "verify": (
        "store:verify",
        "Compare rows with files, or a backup with its manifest; exit 1 where something is lost or damaged.",
    ),
    "reindex": ("store:reindex", "Build the search index again from the files, and correct the counts of folders."),
    "config": ("configuration:config", "Check and show the configuration."),
    "openapi": ("openapi:openapi", "Print the OpenAPI 3.1 document of every HTTP endpoint."),
    "completion": (
        "completion:completion",
        'Print what SHELL reads to complete commands and options: eval "$(mailserver completion bash)".',
    ),
    "man": ("manual:manual", "Print the manual page: mailserver man | man -l -."),
    "version": (
        "version:version",
        "Print the version, and those of Python and SQLite below it, as a report of a fault names them.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailserver")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")
@click.pass_context
def main(context: click.Context, config: Path | None, as_json: bool) -> None:
    """A mail server with an embedded API."""
    context.obj = Operator(config, as_json)
