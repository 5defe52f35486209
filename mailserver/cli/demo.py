"""An appliance to try: loopback ports, a demo domain, its inbox and tokens."""

from pathlib import Path

import click

from mailserver.cli import sample
from mailserver.cli.sample import Ports, Sample

ADDRESS = "agent@demo.test"
PORTS = Ports(http=8080, mx=2525, submission=2587, submissions=2465)
_MORE = """
[authentication]
# DNS knows nothing of senders such as you@elsewhere.test, and may not be there at all.
deadline_seconds = 1
"""


@click.command()
@click.option("--directory", type=click.Path(path_type=Path), default=Path("var"), show_default=True)
def demo(directory: Path) -> None:
    """Start an appliance on loopback with its data in a directory, and print what to paste next."""
    directory = directory.absolute()
    opened = sample.opened(directory, ADDRESS, sample.configured(directory, ADDRESS, PORTS, _MORE))
    _explain(opened)
    opened.serve()


def _explain(opened: Sample) -> None:
    base, made = f"http://127.0.0.1:{PORTS.http}", opened.credentials
    click.echo(
        f"""
The appliance starts on loopback; its data is in {opened.directory}. Stop it with Ctrl-C.

  SMTP in      127.0.0.1:{PORTS.mx}     swaks --server 127.0.0.1:{PORTS.mx} --to {ADDRESS} --from you@elsewhere.test
  Submission   127.0.0.1:{PORTS.submission} (STARTTLS), {PORTS.submissions} (TLS)     \
login {ADDRESS}, password {made["password"]}
  API          {base}     reference: {base}/docs
  JMAP         {base}/.well-known/jmap     the same login: curl -u {ADDRESS}:{made["password"]} …

  curl -H "Authorization: Bearer {made.get("agent_token", "(see credentials.json)")}" {base}/v1/messages/
  curl -H "Authorization: Bearer {made.get("api_key", "(see credentials.json)")}" {base}/agent/v0/messages

  curl -H "Authorization: Bearer {made.get("agent_token", "")}" -H "Content-Type: application/json" \\
    -d '{{"to": [{{"email": "{ADDRESS}"}}], "subject": "Hello", "text_body": "A first message."}}' {base}/v1/messages/
"""
    )
