"""The server's user and its directories, and how commands are run as it."""

import grp
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

from mailserver.cli.installing.plan import USER, Plan, Step
from mailserver.storage import data_directory

COMMAND_SECONDS = 300.0


class CommandFailed(Exception):
    """A command ended with another code than 0; the sentence is what it said."""

    def __init__(self, code: int, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


def make_user(plan: Plan) -> list[Step]:
    """Make the system's user for the server, where the plan has one."""
    if plan.user is None:
        return []
    step = Step(f"the user {plan.user}", is_new=not _is_user(plan.user))
    if step.is_new:
        command = (
            "useradd", "--system", "--user-group", "--home-dir", str(plan.data), "--no-create-home", "--shell",
            "/usr/sbin/nologin", plan.user,
        )  # fmt: skip
        _run(command, b"")
    return [step]


def make_directories(plan: Plan) -> list[Step]:
    """Make the directories of configuration and data; the latter is the server's alone."""
    steps = []
    for path, mode, owned in ((plan.config.parent, 0o755, False), (plan.data, 0o700, True)):
        is_new = not path.is_dir()
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if owned and plan.user is not None and _give(path, *_ids(plan.user)):
            is_new = True
        steps.append(Step(f"the directory {path}", is_new))
    return steps


def _give(directory: Path, user_id: int, group_id: int) -> bool:
    """Make the server's own what a command that root ran before has left; whether there was any."""
    strange = [each for each in (directory, *directory.iterdir()) if each.lstat().st_uid == 0]
    for each in strange:
        data_directory.give_tree(each, user_id, group_id)
    return bool(strange)


def group(plan: Plan) -> int | None:
    """The group that reads the configuration."""
    return None if plan.user is None else grp.getgrnam(plan.user).gr_gid


def program(plan: Plan) -> tuple[str, ...]:
    """How the server is started on this machine, whatever PATH says."""
    return (sys.executable, "-P", "-m", "mailserver", "--config", str(plan.config))


def command(plan: Plan, *arguments: str, stdin: bytes = b"") -> Any:
    """The document that `mailserver --json …` prints, run as the server's user so that nothing becomes another's."""
    ids = None if plan.user is None else _ids(plan.user)
    output = _run((*program(plan), "--json", *arguments), stdin, ids)
    return json.loads(output) if output.strip() else None


def is_reachable(plan: Plan) -> bool:
    """Whether the server's user can run the program from where it is installed."""
    if plan.user is None:
        return True
    try:
        _run((*program(plan)[:4], "--version"), b"", _ids(plan.user))
    except CommandFailed:
        return False
    return not (plan.uses_systemd and _is_at_home(Path(sys.prefix)))


def _is_at_home(path: Path) -> bool:
    """The unit sees no home directories (ProtectHome)."""
    return any(path.is_relative_to(home) for home in ("/root", "/home", "/run/user"))


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _ids(name: str) -> tuple[int, int]:
    found = pwd.getpwnam(name)
    return found.pw_uid, found.pw_gid


def _run(arguments: tuple[str, ...], stdin: bytes, ids: tuple[int, int] | None = None) -> str:
    user, group_id = ids or (None, None)
    try:
        done = subprocess.run(  # noqa: S603  ours, and programs of the system
            arguments, input=stdin, capture_output=True, timeout=COMMAND_SECONDS, check=False, cwd="/", user=user,
            group=group_id, extra_groups=None if ids is None else [],
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(1, f"{arguments[0]} cannot be run: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("mailserver: ")
        raise CommandFailed(done.returncode, said or f"{arguments[0]} ended with {done.returncode}.")
    return done.stdout.decode()


def system(program_name: str, *arguments: str) -> str:
    """What a program of the system prints; CommandFailed where it fails."""
    return _run((program_name, *arguments), b"")


def server_user() -> str | None:
    """The user that a server of the whole machine runs as; None where we could not make it."""
    return USER if os.geteuid() == 0 else None
