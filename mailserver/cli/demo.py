"""An appliance to try: loopback ports, a demo domain, its inbox and tokens."""

import os
import secrets
from pathlib import Path

import click
import orjson

from mailserver.cli import exits, logs
from mailserver.cli.connection import Operator
from mailserver.cli.serve import run
from mailserver.settings import loading
from mailserver.settings.loading import SettingsProblem

DOMAIN = "demo.test"
ADDRESS = f"agent@{DOMAIN}"
HTTP, MX, SUBMISSION, SUBMISSIONS = 8080, 2525, 2587, 2465


@click.command()
@click.option("--directory", type=click.Path(path_type=Path), default=Path("var"), show_default=True)
def demo(directory: Path) -> None:
    """Start an appliance on loopback with its data in a directory, and print what to paste next."""
    directory = directory.absolute()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = directory / "mailserver.toml"
    if not config.exists():
        config.write_text(_config(directory), encoding="utf-8")
    operator = Operator(config, as_json=True)
    try:
        loaded = loading.load(config)
    except SettingsProblem as problem:
        exits.fail(exits.CONFIGURATION, str(problem))
    _explain(directory, _credentials(operator, directory))
    logs.configure(loaded.log.level, "console")
    run(loaded)


def _config(directory: Path) -> str:
    return f"""# Written by `mailserver demo`; change it as you like, it is written only once.
hostname = "mail.{DOMAIN}"
data_dir = "{directory}/data"

[smtp]
mx_listen = ["127.0.0.1:{MX}"]
submission_listen = ["127.0.0.1:{SUBMISSION}"]
submissions_listen = ["127.0.0.1:{SUBMISSIONS}"]

[http]
listen = ["127.0.0.1:{HTTP}"]
public_url = "http://127.0.0.1:{HTTP}"

[outbound_http]
allow_private = true  # so that webhooks reach a receiver on this machine

[authentication]
# DNS knows nothing of senders such as you@elsewhere.test, and may not be there at all.
deadline_seconds = 1
"""


def _credentials(operator: Operator, directory: Path) -> dict[str, str]:
    """Made by the first run, kept for the next ones in a file that only its owner reads."""
    path = directory / "credentials.json"
    if path.exists():
        kept: dict[str, str] = orjson.loads(path.read_bytes())
        return kept
    password = secrets.token_urlsafe(12)
    made: dict[str, str] = operator.run("bootstrap", domain=DOMAIN, address=ADDRESS, password=password, tenant=None)
    made["password"] = password
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    return made


def _explain(directory: Path, made: dict[str, str]) -> None:
    base = f"http://127.0.0.1:{HTTP}"
    click.echo(
        f"""
The appliance starts on loopback; its data is in {directory}. Stop it with Ctrl-C.

  SMTP in      127.0.0.1:{MX}     swaks --server 127.0.0.1:{MX} --to {ADDRESS} --from you@elsewhere.test
  Submission   127.0.0.1:{SUBMISSION} (STARTTLS), {SUBMISSIONS} (TLS)     login {ADDRESS}, password {made["password"]}
  API          {base}     reference: {base}/docs
  JMAP         {base}/.well-known/jmap     the same login: curl -u {ADDRESS}:{made["password"]} …

  curl -H "Authorization: Bearer {made.get("agent_token", "(see credentials.json)")}" {base}/v1/messages/
  curl -H "Authorization: Bearer {made.get("api_key", "(see credentials.json)")}" {base}/agent/v0/messages

  curl -H "Authorization: Bearer {made.get("agent_token", "")}" -H "Content-Type: application/json" \\
    -d '{{"to": [{{"email": "{ADDRESS}"}}], "subject": "Hello", "text_body": "A first message."}}' {base}/v1/messages/
"""
    )
