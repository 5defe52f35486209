"""Run a verb on the data directory, where no server runs."""

import asyncio
from typing import Any

from mailserver import app
from mailserver.cli import exits, logs
from mailserver.entities import errors
from mailserver.settings.configuration import Settings
from mailserver.storage.data_directory import DataDirectoryInUse, DataDirectoryProblem
from mailserver.storage.sqlite import DatabaseNewer, DatabaseProblem


def run(loaded: Settings, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer to a verb, or the end with its sentence."""
    logs.configure("warning", "console")

    async def answer() -> dict[str, Any]:
        async with app.offline(loaded) as verbs:
            try:
                return {"result": await verbs.run(verb, arguments)}
            except errors.ServiceError as error:
                return {"error": type(error).__name__, "message": error.message}

    try:
        return asyncio.run(answer())
    except DataDirectoryInUse as problem:  # a server that starts or stops has no socket
        exits.fail(exits.TEMPORARY, f"{problem} Or try again, where a server is starting or stopping.")
    except (DataDirectoryProblem, PermissionError) as problem:
        exits.fail(exits.CANNOT_CREATE, str(problem))
    except DatabaseNewer as problem:
        exits.fail(exits.CONFIGURATION, str(problem))
    except DatabaseProblem as problem:
        exits.fail(exits.UNAVAILABLE, str(problem))
    except OSError as error:
        exits.fail(exits.IO, f"The data directory {loaded.data_dir} cannot be used: {error}.")
