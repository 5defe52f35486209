"""How the server stands with systemd, as the machine's administrator sees it."""

import re
import subprocess
from pathlib import Path

from mailserver.cli.installing import shipped
from mailserver.entities.health import Finding, Status

SYSTEMD = Path("/run/systemd/system")  # sd_booted(3): it is there where systemd is the machine's first process
COMMAND_SECONDS = 20.0
LARGEST_EXPOSURE = 3.0
_PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "FragmentPath", "NeedDaemonReload")
_WHY = "The unit keeps the server in a place from which it reaches nothing but its own data."
_EXPOSURE = re.compile(r"Overall exposure level for .*?: *([0-9.]+)")


def look() -> list[Finding]:
    """Findings about the unit and its hardening."""
    if not SYSTEMD.is_dir():
        return [Finding("systemd", Status.SKIPPED, "This machine was not started by systemd.", _WHY)]
    try:
        facts = _properties()
    except (OSError, subprocess.SubprocessError) as error:
        return [Finding("systemd", Status.WARNING, f"systemctl does not answer: {error}", _WHY)]
    if facts.get("LoadState") != "loaded":
        fix = "mailserver setup HOST installs the units."
        return [Finding("systemd", Status.WARNING, "There is no unit for the server.", _WHY, fix)]
    return [_state(facts), _unit(facts), _security()]


def _properties() -> dict[str, str]:
    asked = [part for name in _PROPERTIES for part in ("-p", name)]
    lines = run("systemctl", "show", shipped.SERVICE, *asked).splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _state(facts: dict[str, str]) -> Finding:
    why = "A server that is not enabled does not come back after a reboot."
    shown = f"{shipped.SERVICE} is {facts.get('ActiveState')} and {facts.get('UnitFileState')}."
    if facts.get("ActiveState") != "active" or facts.get("UnitFileState") != "enabled":
        return Finding("systemd.state", Status.WARNING, shown, why, f"systemctl enable --now {shipped.SERVICE}")
    return Finding("systemd.state", Status.OK, shown, why)


def _unit(facts: dict[str, str]) -> Finding:
    check, path = "systemd.unit", Path(facts.get("FragmentPath", ""))
    try:
        same = path.read_text(encoding="utf-8") == shipped.units()[shipped.SERVICE]
    except OSError as error:
        return Finding(check, Status.WARNING, f"{path} cannot be read: {error.strerror}.", _WHY)
    if not same:
        fix = f"Compare it with the unit of this version; keep changes of your own in {path}.d/ and run setup again."
        return Finding(check, Status.WARNING, f"{path} is not the unit that this version comes with.", _WHY, fix)
    if facts.get("NeedDaemonReload") == "yes":
        return Finding(check, Status.WARNING, f"{path} has changed since it was read.", _WHY, "systemctl daemon-reload")
    return Finding(check, Status.OK, f"{path} is as this version comes with it.", _WHY)


def _security() -> Finding:
    check = "systemd.security"
    try:
        found = _EXPOSURE.search(run("systemd-analyze", "security", "--no-pager", shipped.SERVICE))
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(check, Status.SKIPPED, f"systemd-analyze does not answer: {error}", _WHY)
    if found is None:
        return Finding(check, Status.SKIPPED, "systemd-analyze gives no figure.", _WHY)
    detail = f"systemd-analyze calls its exposure {found[1]} of 10."
    if float(found[1]) > LARGEST_EXPOSURE:
        fix = f"See what widens it: systemctl cat {shipped.SERVICE}; systemd-analyze security {shipped.SERVICE}"
        return Finding(check, Status.WARNING, detail, _WHY, fix)
    return Finding(check, Status.OK, detail, _WHY)


def run(*command: str) -> str:
    """What a program of the system prints; OSError or SubprocessError where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True)  # noqa: S603  ours
    return done.stdout
