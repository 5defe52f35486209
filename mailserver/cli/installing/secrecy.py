"""Who may read the configuration file, and whether it has secrets."""

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from mailserver.entities.health import Finding, Status
from mailserver.settings import loading
from mailserver.settings.configuration import PREFIX

_WHY = "A password in a file that everybody reads is no password."
_SECRETS = ("password", "api_key", "secret")


def place(config: Path | None) -> Path:
    """Where the configuration file is."""
    named = os.environ.get(f"{PREFIX}CONFIG")
    return config or (Path(named) if named else loading.DEFAULT_FILE)


def look(path: Path) -> list[Finding]:
    """One finding about the configuration file."""
    check = "configuration"
    try:
        mode = path.stat().st_mode
        secrets = _secrets(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return [Finding(check, Status.SKIPPED, f"There is no {path}; everything is as it is by default.", _WHY)]
    except (OSError, ValueError) as error:
        return [Finding(check, Status.WARNING, f"{path} cannot be read: {error}", _WHY)]
    shown = f"{path} has the mode {stat.S_IMODE(mode):04o}"
    if mode & 0o022:
        return [Finding(check, Status.FAILED, f"{shown}: others may change it.", _WHY, f"chmod 0640 {path}")]
    if mode & 0o007 and secrets:
        detail = f"{shown}, and holds {', '.join(secrets)}."
        return [Finding(check, Status.FAILED, detail, _WHY, f"chmod 0640 {path}; chown root:mailserver {path}")]
    return [Finding(check, Status.OK, f"{shown}.", _WHY)]


def _secrets(table: dict[str, Any], before: str = "") -> list[str]:
    found: list[str] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += _secrets(value, f"{before}{name}.")
        elif value and any(name.endswith(word) for word in _SECRETS):
            found.append(f"{before}{name}")
    return found
