"""The server's own process: whether there is one, whose it is, and what it may use."""

import os
import resource

from mailserver.entities.health import Finding, Status
from mailserver.services.health.premises import Live

FEWEST_FILES = 16_384


class Process:
    """Looks at this process, where it is the server's."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def look(self) -> list[Finding]:
        """Findings about running, root and open files."""
        if not self._live.is_serving:
            return [
                Finding(
                    "server", Status.FAILED, "No server runs; this is what its directory says.",
                    "Nothing is received or sent.", "systemctl start mailserver, or: mailserver serve",
                )
            ]  # fmt: skip
        return [Finding("server", Status.OK, f"It runs, as process {os.getpid()}."), _root(), _files()]


def _root() -> Finding:
    why = "A mistake in a program that anybody may talk to is then the whole machine's."
    if os.geteuid() == 0:
        fix = "Use the systemd unit, which opens the ports for a user without rights: mailserver setup HOST"
        return Finding("server.user", Status.WARNING, "The server runs as root.", why, fix)
    return Finding("server.user", Status.OK, "The server does not run as root.", why)


def _files() -> Finding:
    why = "Each connection is an open file."
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < FEWEST_FILES:
        fix = "Set LimitNOFILE=65536 in the unit, or ulimit -n 65536 before the server."
        return Finding("server.files", Status.WARNING, f"It may have {soft:,} files open.", why, fix)
    return Finding("server.files", Status.OK, f"It may have {soft:,} files open.", why)
