"""Write the configuration file: every key with its comment, and those that are chosen here taken out of it."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailserver.cli.installing import shipped
from mailserver.cli.installing.plan import Plan, Step, Web

MODE = 0o640
PROXIED = "127.0.0.1:8080"
KEPT_DAYS = 30  # that Trash and Junk are kept on a new machine; one that was there before keeps them for ever


class AnotherConfiguration(Exception):
    """A configuration is there already, and not for this host; the sentence says what to do."""


def write(plan: Plan, group: int | None, *, over: bool) -> Step:
    """Write the file whole or not at all. One that is there stays unless it is to be written `over`."""
    path = plan.config
    if path.exists() and not over and _decides(plan):
        return Step(f"the configuration {path}", is_new=False)
    text = rendered(shipped.configuration(), chosen(plan))
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return Step(f"the configuration {path}", is_new=False)
    place(path, text, MODE, group)
    return Step(f"the configuration {path}", is_new=True)


def place(path: Path, text: str, mode: int, group: int | None = None) -> None:
    """Put a file in its place at once; a process that is killed leaves the old one or the new one."""
    unfinished = path.with_name(f".{path.name}.new")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if group is not None:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    unfinished.rename(path)


def chosen(plan: Plan) -> dict[str, Any]:
    """The keys that the plan decides."""
    found: dict[str, Any] = {"hostname": plan.host, "data_dir": str(plan.data)}
    if plan.web is Web.DIRECT:
        found |= {"http.listen": ["0.0.0.0:443", "[::]:443"], "http.tls": True}
    else:
        found |= {"http.listen": [PROXIED], "http.tls": False}
    found["http.public_url"] = f"https://{plan.host}"
    found |= {"retention.trash_days": KEPT_DAYS, "retention.junk_days": KEPT_DAYS}
    if plan.acme_contact:
        found |= {"acme.enabled": True, "acme.contact": [plan.acme_contact], "acme.terms_agreed": True}
        if plan.web is Web.PROXY:  # port 80 is the proxy's, which hands over what the authority asks
            found["acme.http_listen"] = []
    return found


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """The explained file with values in it. Each key stands there in a comment."""
    section, missing, rows = "", dict(values), []
    for line in template.splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = f"{found[1]}."
        key = re.match(r"#(\w+) = ", line)
        name = f"{section}{key[1]}" if key else ""
        rows.append(f"{key[1]} = {json.dumps(missing.pop(name))}" if key and name in missing else line)
    if missing:
        raise KeyError(next(iter(missing)))
    return "\n".join(rows) + "\n"


def _decides(plan: Plan) -> bool:
    """Whether a file that is there sets anything; one that only explains, as packages bring it, is to be filled in."""
    try:
        found = tomllib.loads(plan.config.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise AnotherConfiguration(
            f"{plan.config} is no whole configuration ({error}). Mend it, or have it written anew with --yes."
        ) from error
    name = found.get("hostname")
    if name is not None and str(name).lower().rstrip(".") != plan.host:
        raise AnotherConfiguration(
            f"{plan.config} is for {name}, not for {plan.host}. Name that host, or have it written anew with --yes."
        )
    return any(value != {} for value in found.values())  # the template has its tables, empty
