"""Run a verb: on the running server over its admin socket, or on the data directory where none runs."""

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mailserver import app, settings
from mailserver.admin import address
from mailserver.cli import exits, logs
from mailserver.entities import errors
from mailserver.settings import Settings, SettingsProblem
from mailserver.storage.sqlite import DatabaseProblem
from mailserver.storage.store import DataDirectoryInUse, DataDirectoryProblem

ANSWER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Operator:
    """What every command gets: where the configuration is, and how answers are to look."""

    config: Path | None
    as_json: bool

    def settings(self) -> Settings:
        """The configuration, or the end with its sentence."""
        try:
            return settings.load(self.config)
        except SettingsProblem as problem:
            exits.fail(exits.CONFIGURATION, str(problem))

    def run(self, verb: str, **arguments: Any) -> Any:
        """The answer to a verb, or the end with its sentence."""
        loaded = self.settings()
        answer = _ask(loaded.runtime_dir / "admin.sock", verb, arguments)
        if answer is None:
            answer = _alone(loaded, verb, arguments)
        if "error" in answer:
            exits.fail(exits.of_error(answer["error"]), answer["message"])
        return answer["result"]


def _ask(path: Path, verb: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The running server's answer; None where none runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            with address.short(path) as place:
                client.connect(place)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except PermissionError:
            exits.fail(exits.PERMISSION, f"The admin socket {path} belongs to another user; run this as the server's.")
        try:
            client.sendall(orjson.dumps({"verb": verb, "arguments": arguments}) + b"\n")
            with client.makefile("rb") as answers:
                line = answers.readline()
        except OSError as error:
            exits.fail(exits.TEMPORARY, f"The server did not answer on {path}: {error}.")
    if not line:
        exits.fail(exits.TEMPORARY, "The server closed the connection; it may be stopping. Try again.")
    answer: dict[str, Any] = orjson.loads(line)
    return answer


def _alone(loaded: Settings, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
    logs.configure("warning", "console")

    async def run() -> dict[str, Any]:
        async with app.offline(loaded) as verbs:
            try:
                return {"result": await verbs.run(verb, arguments)}
            except errors.ServiceError as error:
                return {"error": type(error).__name__, "message": error.message}

    try:
        return asyncio.run(run())
    except DataDirectoryInUse as problem:  # a server that starts or stops has no socket
        exits.fail(exits.TEMPORARY, f"{problem} Or try again, where a server is starting or stopping.")
    except (DataDirectoryProblem, PermissionError) as problem:
        exits.fail(exits.CANNOT_CREATE, str(problem))
    except DatabaseProblem as problem:
        exits.fail(exits.UNAVAILABLE, str(problem))
    except OSError as error:
        exits.fail(exits.IO, f"The data directory {loaded.data_dir} cannot be used: {error}.")
