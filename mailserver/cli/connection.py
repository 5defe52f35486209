"""Run a verb: on the running server over its admin socket, or on the data directory where none runs."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailserver.cli import exits, lazy, ownership, talk_once
from mailserver.settings import loading
from mailserver.settings.configuration import Settings
from mailserver.settings.loading import SettingsProblem
from mailserver.storage import data_directory

OFFLINE = "mailserver.cli.offline"
ANSWER_SECONDS = 3600.0
PRIVATE = 0o077  # what is made offline is nobody else's, as what the server makes


@dataclass(frozen=True, slots=True)
class Operator:
    """What every command gets: where the configuration is, and how answers are to look."""

    config: Path | None
    as_json: bool

    def settings(self) -> Settings:
        """The configuration, or the end with its sentence."""
        try:
            return loading.load(self.config)
        except SettingsProblem as problem:
            exits.fail(exits.CONFIGURATION, str(problem))

    def is_set_up(self) -> bool:
        """Whether there is a data directory to work on, or may be one that we cannot look into."""
        directory = self.settings().data_dir
        return (directory / data_directory.DATABASE).exists() if os.access(directory, os.X_OK) else directory.exists()

    def run(self, verb: str, **arguments: Any) -> Any:
        """The answer to a verb, or the end with its sentence."""
        loaded = self.settings()
        answer = _ask(loaded.runtime_dir / "admin.sock", verb, arguments)
        if answer is None:
            offline = lazy.read(OFFLINE)  # all of the server: only where it is needed
            ownership.become_owner(loaded.data_dir)
            os.umask(PRIVATE)
            answer = offline.run(loaded, verb, arguments)
        if "error" in answer:
            exits.fail(exits.of_error(answer["error"]), answer["message"])
        return answer["result"]

    def ask(self, verb: str, **arguments: Any) -> Any | None:
        """The running server's answer to a verb, or the end with its sentence; None where no server runs."""
        answer = _ask(self.settings().runtime_dir / "admin.sock", verb, arguments)
        if answer is not None and "error" in answer:
            exits.fail(exits.of_error(answer["error"]), answer["message"])
        return None if answer is None else answer["result"]

    def tell(self, verb: str, **arguments: Any) -> bool:
        """Tell the running server what it need not know; whether it took it, which an older one does not."""
        answer = _ask(self.settings().runtime_dir / "admin.sock", verb, arguments)
        return answer is not None and "error" not in answer


def _ask(path: Path, verb: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The running server's answer; None where none runs."""
    try:
        return talk_once.ask(path, verb, arguments, seconds=ANSWER_SECONDS)
    except PermissionError:
        exits.fail(exits.PERMISSION, f"The admin socket {path} belongs to another user; run this as the server's.")
