"""Tells alerts whose time has come."""

from collections.abc import Callable
from typing import Protocol

import structlog

from mailserver.entities import errors
from mailserver.services.automation.firing import Firing
from mailserver.storage import alerts
from mailserver.storage.database import Database, Transaction

POLL_SECONDS = 30.0  # between looks for alerts that nobody rang for, such as those of another node
TROUBLE_SECONDS = 5.0  # before the store is asked again after it failed
AT_ONCE = 100
log = structlog.get_logger()


class Bell(Protocol):
    """Tells that an alert is to wait."""

    def ring(self, topic: str) -> None:
        """Wake whoever waits."""
        ...

    async def wait(self, topic: str, timeout_seconds: float) -> bool:
        """Wait for a ring."""
        ...


class AlertClock:
    """One worker; several nodes may run it, since an alert is told in the transaction that takes it."""

    def __init__(self, database: Database, told: Firing, bell: Bell, clock: Callable[[], int]) -> None:
        self._database = database
        self._firing = told
        self._bell = bell
        self._clock = clock
        self._is_stopped = False

    async def run(self) -> None:
        """Tell what is due, then wait for the next one, until told to stop."""
        while not self._is_stopped:
            try:
                told = await self.once()
                due_at = await self._database.read(alerts.next_due_at) if not told else None
            except errors.Temporary as error:
                log.warning("alerts.clock.failed", error=error.message)
                await self._bell.wait(alerts.TOPIC, TROUBLE_SECONDS)
                continue
            if not told and not self._is_stopped:
                await self._bell.wait(alerts.TOPIC, self._patience(due_at))

    def stop(self) -> None:
        """Stop after what is in hand."""
        self._is_stopped = True
        self._bell.ring(alerts.TOPIC)

    async def once(self) -> int:
        """Tell what is due; how many alerts."""
        due_at = await self._database.read(alerts.next_due_at)
        if due_at is None or due_at > self._clock():
            return 0
        return await self._database.write(self._tell, self._clock())

    def _tell(self, tx: Transaction, now: int) -> int:
        found = alerts.take_due(tx, now, AT_ONCE)
        for due in found:
            alert = alerts.get(tx, due.alert_id)
            if alert is not None and alert.is_enabled:
                self._firing.fire(tx, alert, due.event_id, due.type, due.payload)
        return len(found)

    def _patience(self, due_at: int | None) -> float:
        if due_at is None:
            return POLL_SECONDS
        return min(max((due_at - self._clock()) / 1000, 0.05), POLL_SECONDS)
