"""Install systemd's units, and switch the server on."""

import re
from pathlib import Path
from typing import Protocol

from mailserver.cli.installing import configuring, machine, shipped
from mailserver.cli.installing.plan import DATA, PACKAGED_UNITS, Plan, Step, Web, below

MODE = 0o644
DROP_IN = "10-setup.conf"  # the last name wins, and `systemctl edit` writes override.conf
_EARLIER = "setup.conf"  # which won over it
_HEAD = "# Written by mailserver setup; what you want otherwise goes into another file of this directory."
_COMMAND = re.compile(r"^ExecStart=/usr/bin/env mailserver --config /etc/mailserver/config.toml (.+)$", re.MULTILINE)


class Systemctl(Protocol):
    """Who gives orders to systemd."""

    def __call__(self, *arguments: str) -> str:
        """What `systemctl` prints; CommandFailed where it fails."""
        ...


def install(plan: Plan) -> list[Step]:
    """Write the units as they come, and beside the service's what is this machine's own.

    What a package of the system has put in its place stays the package's: a copy would outlive its upgrades.
    """
    packaged = below(plan.root, PACKAGED_UNITS)
    wanted = {plan.units / name: text for name, text in shipped.units().items() if not (packaged / name).exists()}
    for name, text in shipped.units().items():
        if name.endswith(".service"):
            own = drop_in(plan) if name == shipped.SERVICE else "\n".join([_HEAD, "[Service]", *_start(plan, text), ""])
            wanted[plan.units / f"{name}.d" / DROP_IN] = own
    steps = []
    for path, text in wanted.items():
        is_new = not path.exists() or path.read_text(encoding="utf-8") != text
        if is_new:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            configuring.place(path, text, MODE)
        is_new |= _is_removed(path.with_name(_EARLIER))
        steps.append(Step(f"the unit {path}", is_new))
    return steps


def _is_removed(earlier: Path) -> bool:
    """Whether a drop-in was there that setup has written under its earlier name; nobody else's is touched."""
    if earlier.parent.suffix != ".d" or not earlier.exists() or _HEAD not in earlier.read_text(encoding="utf-8"):
        return False
    earlier.unlink()
    return True


def enable(systemctl: Systemctl, steps: list[Step]) -> Step:
    """Have the server run, now and after each start of the machine; once more where something of it is new."""
    changed = any(step.is_new for step in steps)
    if changed:
        systemctl("daemon-reload")
    state = systemctl("show", shipped.SERVICE, "-p", "ActiveState", "-p", "UnitFileState")
    runs = "ActiveState=active" in state and "UnitFileState=enabled" in state
    if not runs:
        systemctl("enable", "--now", shipped.SERVICE)
    elif changed:
        systemctl("restart", shipped.SERVICE)
    return Step(f"{shipped.SERVICE}, enabled and running", is_new=changed or not runs)


def drop_in(plan: Plan) -> str:
    """What differs on this machine from the unit as it comes."""
    sockets = _sockets(plan)
    rows = [
        _HEAD,
        "[Unit]",
        *(f"Requires={name}" for name in sockets),
        "",
        "[Service]",
        *_start(plan, shipped.units()[shipped.SERVICE]),
        *(f"Sockets={name}" for name in sockets),
    ]
    if plan.user is not None:  # commands run as that user, beside the server and without it
        rows += ["DynamicUser=no", f"User={plan.user}"]
    if plan.data != DATA:
        rows += [f"ReadWritePaths={_quoted(str(plan.data))}"]
    return "\n".join(rows) + "\n"


def _start(plan: Plan, unit: str) -> list[str]:
    """A unit's command with the program and the configuration of this machine, whatever PATH systemd has."""
    arguments = _COMMAND.findall(unit)
    program = " ".join(_quoted(part) for part in machine.program(plan))
    return ["ExecStart=", *(f"ExecStart={program} {each}" for each in arguments)] if arguments else []


def _sockets(plan: Plan) -> list[str]:
    found = ["mailserver-https.socket"] if plan.web is Web.DIRECT else []
    known = shipped.units()
    if plan.acme_contact and plan.web is Web.DIRECT and "mailserver-acme.socket" in known:
        found.append("mailserver-acme.socket")
    return found


def _quoted(text: str) -> str:
    """A word as systemd reads it (systemd.service(5)): `%` and `$` mean something there."""
    plain = text.replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(letter in plain for letter in " \t'\"\\") else plain


def systemctl(*arguments: str) -> str:
    """Ask the machine's systemd."""
    return machine.system("systemctl", *arguments)
