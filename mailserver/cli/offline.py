"""Run a verb on the data directory, where no server runs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from mailserver import foundation
from mailserver.cli import exits, logs
from mailserver.entities import errors
from mailserver.settings.configuration import Settings
from mailserver.storage.data_directory import DataDirectoryInUse, DataDirectoryProblem
from mailserver.storage.sqlite import DatabaseNewer, DatabaseProblem
from mailserver.transfer.target import Ask, TargetRefused


def run(loaded: Settings, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer to a verb, or the end with its sentence."""
    logs.configure("warning", "console")

    async def answer() -> dict[str, Any]:
        async with foundation.offline(loaded) as verbs:
            try:
                return {"result": await verbs.run(verb, arguments)}
            except errors.ServiceError as error:
                return {"error": type(error).__name__, "message": error.message}

    with explained(loaded):
        return asyncio.run(answer())


@asynccontextmanager
async def opened(loaded: Settings) -> AsyncIterator[Ask]:
    """Somebody who runs one verb after the other while the block runs."""
    logs.configure("warning", "console")
    async with foundation.offline(loaded) as verbs:

        async def ask(verb: str, content: bytes = b"", /, **arguments: Any) -> Any:
            if content:
                arguments["content"] = content
            try:
                return await verbs.run(verb, arguments)
            except errors.ServiceError as error:
                raise TargetRefused(type(error).__name__, error.message) from error

        yield ask


@contextmanager
def explained(loaded: Settings) -> Iterator[None]:
    """A block whose troubles with the data directory end the process with their sentence and exit code."""
    try:
        yield
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
