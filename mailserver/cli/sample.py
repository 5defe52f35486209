"""An appliance to try: a directory with configuration, a domain, an inbox, and credentials that the first run makes."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mailserver.cli import exits, logs
from mailserver.cli.connection import Operator
from mailserver.cli.serve import run
from mailserver.settings import loading
from mailserver.settings.configuration import Settings
from mailserver.settings.loading import SettingsProblem

_ELSEWHERE = "MAILSERVER_DATA_DIR"


@dataclass(frozen=True, slots=True)
class Ports:
    """On loopback."""

    http: int
    mx: int
    submission: int
    submissions: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What is there once it is opened."""

    directory: Path
    settings: Settings
    credentials: dict[str, str]

    def serve(self) -> None:
        """Serve until told to stop, with a log for people."""
        kept = self.settings.log
        run(self.settings, logs.configure(kept.level, "console", redact=kept.redact))


def configured(directory: Path, address: str, ports: Ports, more: str) -> Settings:
    """Write the configuration where there is none yet, and read it; `more` is further TOML."""
    if os.environ.get(_ELSEWHERE, str(directory / "data")) != str(directory / "data"):
        # The environment goes before the file: whatever server runs there would get a domain of ours.
        exits.fail(exits.CONFIGURATION, f"{_ELSEWHERE} names the data of another server. Unset it: nothing was done.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = directory / "mailserver.toml"
    if not config.exists():
        config.write_text(_written(directory, address.rpartition("@")[2], ports) + more, encoding="utf-8")
    try:
        return loading.load(config)
    except SettingsProblem as problem:
        exits.fail(exits.CONFIGURATION, str(problem))


def opened(directory: Path, address: str, settings: Settings) -> Sample:
    """Make the domain and its inbox where they are not there yet."""
    operator = Operator(directory / "mailserver.toml", as_json=True)
    return Sample(directory, settings, _credentials(operator, directory, address))


def _written(directory: Path, domain: str, ports: Ports) -> str:
    return f"""# Written by the first start; change it as you like, it is written only once.
hostname = "mail.{domain}"
data_dir = "{directory}/data"

[smtp]
mx_listen = ["127.0.0.1:{ports.mx}"]
submission_listen = ["127.0.0.1:{ports.submission}"]
submissions_listen = ["127.0.0.1:{ports.submissions}"]

[http]
listen = ["127.0.0.1:{ports.http}"]
public_url = "http://127.0.0.1:{ports.http}"

[outbound_http]
allow_private = true  # so that webhooks reach a receiver on this machine
"""


def _credentials(operator: Operator, directory: Path, address: str) -> dict[str, str]:
    """Made by the first run, kept for the next ones in a file that only its owner reads."""
    path = directory / "credentials.json"
    if path.exists():
        kept: dict[str, str] = orjson.loads(path.read_bytes())
        return kept
    password = secrets.token_urlsafe(12)
    domain = address.rpartition("@")[2]
    made: dict[str, Any] = operator.run("bootstrap", domain=domain, address=address, password=password, tenant=None)
    made["password"] = password
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    return made
