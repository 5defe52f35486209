"""Everything on loopback, for whoever writes an application that sends mail: whatever it sends stays here."""

import shutil
from pathlib import Path

import click

from mailserver.cli import exits, sample
from mailserver.cli.sample import Ports, Sample

ADDRESS = "dev@local.test"
PORTS = Ports(http=8025, mx=1025, submission=1587, submissions=1465)
_MARK = "capture = "
_MORE = f"""
[queue]
capture = "{ADDRESS}"  # whoever a message is for, this inbox gets it, and nothing leaves

[authentication]
verify = false  # DNS is asked nothing

[filter]
enabled = false

[reports]
dmarc = false
tls = false
"""


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path("mailserver-local"),
    show_default=True,
    help="Configuration and data.",
)
@click.option("--fresh", is_flag=True, help="Begin anew: what an earlier start left in the directory is deleted.")
def localserve(directory: Path, fresh: bool) -> None:
    """Serve on loopback and deliver nowhere: an inbox gets whatever your application sends, to whatever address.

    No login is needed on the SMTP port. A message to name+550@any.example is refused and bounces, one to
    name+450@any.example is put off and tried again.
    """
    directory = directory.absolute()
    if fresh:
        _remove(directory)
    settings = sample.configured(directory, ADDRESS, PORTS, _MORE)
    if not settings.queue.capture:
        exits.fail(exits.CONFIGURATION, f"{directory}/mailserver.toml has no queue.capture: mail would leave.")
    opened = sample.opened(directory, ADDRESS, settings)
    _explain(opened)
    opened.serve()


def _remove(directory: Path) -> None:
    """Delete what an earlier start made, and nothing that somebody else did."""
    config = directory / "mailserver.toml"
    if not directory.exists():
        return
    if not config.is_file() or _MARK not in config.read_text(encoding="utf-8"):
        exits.fail(exits.CANNOT_CREATE, f"{directory} was not made by localserve; it is left as it is.")
    shutil.rmtree(directory)


def _explain(opened: Sample) -> None:
    base, made = f"http://127.0.0.1:{PORTS.http}", opened.credentials
    click.echo(
        f"""
Nothing leaves this machine. Data and settings: {opened.directory}. Stop with Ctrl-C.

  SMTP         127.0.0.1:{PORTS.mx}, no login      swaks --server 127.0.0.1:{PORTS.mx} --to anybody@any.example
  Submission   127.0.0.1:{PORTS.submission} (STARTTLS), {PORTS.submissions} (TLS)     \
login {ADDRESS}, password {made["password"]}
  API          {base}/v1     token {made.get("agent_token", "(see credentials.json)")}
  AgentMail    {base}/agent  key   {made.get("api_key", "(see credentials.json)")}
  Reference    {base}/docs

  What was sent:  curl -H "Authorization: Bearer {made.get("agent_token", "")}" {base}/v1/messages/
"""
    )
