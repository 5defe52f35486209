"""Whether the clock is right, as far as the machine knows by itself."""

import time
from collections.abc import Callable
from pathlib import Path

from mailserver.entities import identifiers
from mailserver.entities.health import Finding, Status
from mailserver.storage import journal_state
from mailserver.storage.database import Database

SLACK_MS = 60_000
_SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")  # systemd-timesyncd touches it when it has set the clock
_OTHERS = {"chronyd": Path("/run/chrony"), "ntpd": Path("/run/ntpd.pid"), "ntpsec": Path("/run/ntpsec")}
_WHY = "Signatures, tokens and certificates are right or wrong by it, and ids are in the order of time."


class Clock:
    """Looks at who keeps the clock, and whether it has gone back."""

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        self._database = database
        self._now = now

    async def look(self) -> list[Finding]:
        """Findings about keeping and going back."""
        return [_kept(), await self._back()]

    async def _back(self) -> Finding:
        newest = identifiers.created_ms(await self._database.read(journal_state.largest_id))
        ahead = newest - self._now()
        if ahead > SLACK_MS:
            return Finding(
                "clock.back", Status.FAILED, f"The newest message is from {ahead / 1000:.0f} seconds ahead of now.",
                _WHY, "Set the clock: it went back, or was wrong before. Mail goes on in the order of its ids.",
            )  # fmt: skip
        return Finding("clock.back", Status.OK, "Nothing here is from a later time than now.", _WHY)


def _kept() -> Finding:
    if _SYNCHRONIZED.exists():
        minutes = (time.time() - _SYNCHRONIZED.stat().st_mtime) / 60
        return Finding("clock", Status.OK, f"systemd-timesyncd last set it {max(minutes, 0):.0f} minutes ago.", _WHY)
    for program, place in _OTHERS.items():
        if place.exists():
            return Finding("clock", Status.OK, f"{program} keeps it.", _WHY)
    return Finding(
        "clock", Status.WARNING, "Nothing is seen to keep it. A container's clock is its host's.", _WHY,
        "Let systemd-timesyncd or chrony run: apt install systemd-timesyncd; timedatectl set-ntp true",
    )  # fmt: skip
