"""Run the server until told to stop."""

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any

import click
import orjson
import structlog

from mailserver import app
from mailserver.certificates.served import CertificateProblem
from mailserver.cli import exits, logs
from mailserver.cli.connection import Operator
from mailserver.cli.logs import Logging
from mailserver.settings.configuration import Settings
from mailserver.storage.data_directory import DataDirectoryInUse, DataDirectoryProblem
from mailserver.storage.sqlite import DatabaseNewer, DatabaseProblem

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # other Pythons than CPython have none
    from asyncio import new_event_loop

YOUNG_OBJECTS = 10_000  # a message makes hundreds that die at once: looking at them more often finds nothing
SWITCH_SECONDS = 0.0005  # the event loop gets its turn soon, whatever the threads behind it work on


@click.command()
@click.option(
    "--log-format", type=click.Choice(["auto", "json", "logfmt", "console"]), help="Instead of log.format of the file."
)
@click.pass_obj
def serve(operator: Operator, log_format: str | None) -> None:
    """Run in the foreground until SIGTERM or SIGINT, then drain."""
    loaded = operator.settings()
    run(loaded, logs.configure(loaded.log.level, log_format or loaded.log.format, redact=loaded.log.redact))


def run(loaded: Settings, logging: Logging) -> None:
    """Serve with settings that stand; ends the process with its exit code where that fails."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    # Python before 3.11.4, which Debian 12 has, puts all that is raised in an except* into a group, an exit as well.
    ended: list[tuple[int, str]] = []
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(app.serve(loaded, announce, logging))
    except* DatabaseNewer as group:
        ended.append((exits.CONFIGURATION, _sentences(group)))
    except* (DataDirectoryInUse, DatabaseProblem) as group:
        ended.append((exits.UNAVAILABLE, _sentences(group)))
    except* DataDirectoryProblem as group:
        ended.append((exits.CANNOT_CREATE, _sentences(group)))
    except* CertificateProblem as group:
        ended.append((exits.CONFIGURATION, _sentences(group)))
    except* OSError as group:
        ended.append((exits.UNAVAILABLE, _sentences(group)))
    except* Exception:  # noqa: BLE001  the last word of the process: logged whole, and the exit code says so
        structlog.get_logger().exception("server.crashed")
        ended.append((exits.CHECK_FAILED, ""))
    if ended and ended[0][1]:
        exits.fail(*ended[0])
    elif ended:
        sys.exit(ended[0][0])


def announce(facts: dict[str, Any]) -> None:
    """The line by which a supervisor or a test knows that every socket is bound."""
    gc.collect()
    gc.freeze()  # what stands now stays: a collector that looked at it again would stop the loop for 70 ms each time
    if logs.is_journal():  # systemd has been told, and people read the journal
        structlog.get_logger().info("server.ready", **facts)
        return
    sys.stderr.write(orjson.dumps({"event": "server.ready", **facts}).decode() + "\n")
    sys.stderr.flush()


def _sentences(group: BaseExceptionGroup[BaseException]) -> str:
    found: list[str] = []

    def gather(error: BaseException) -> None:
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                gather(inner)
        else:
            found.append(str(error))

    gather(group)
    return "\n".join(found)
