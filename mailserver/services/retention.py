"""What is kept for how long: the one table of promises, and the sweeper that keeps them."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from mailserver.services.broadcast import broadcasts
from mailserver.services.broadcast.broadcasts import Broadcasts
from mailserver.services.mailbox import attachments
from mailserver.services.mailbox.attachments import Attachments
from mailserver.services.notify import event_log, live_events, metering, webhooks
from mailserver.services.notify.assembly import Notify
from mailserver.services.outbound import approvals
from mailserver.services.outbound.approvals import Approvals
from mailserver.services.syncing import submissions
from mailserver.services.syncing.submissions import Submissions
from mailserver.services.team import notes as notes_of_team
from mailserver.services.team import shares as shares_of_team
from mailserver.services.team.notes import Notes
from mailserver.services.team.shares import Shares
from mailserver.services.workspace import activity
from mailserver.services.workspace.activity import Timeline

MINUTE, HOUR = 60, 3600  # seconds
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that goes by itself after a time. Whoever shows it keeps to that time, be the sweeper late or not."""

    what: str
    kept_ms: int
    every_seconds: int
    expire: Callable[[], Awaitable[int]]  # deletes what is past its time; how many. May be called at any time


class Retention:
    """One for the process; called every minute, it does what is due."""

    def __init__(self, promises: Sequence[Promise], clock: Callable[[], float] = time.monotonic) -> None:
        self.promises = tuple(promises)
        self._clock = clock
        self._due: dict[str, float] = {}

    async def sweep(self) -> dict[str, int]:
        """Delete what is past its time; how many of each. One that fails does not keep the others from theirs."""
        gone: dict[str, int] = {}
        for promise in self.promises:
            now = self._clock()
            if self._due.get(promise.what, now) > now:
                continue
            try:
                number = await promise.expire()
            except Exception:
                log.exception("retention.sweep.failed", what=promise.what)
                continue
            self._due[promise.what] = now + promise.every_seconds
            if number:
                gone[promise.what] = number
        return gone


def retained(
    held: Approvals, notes: Notes, shares: Shares, uploads: Attachments, timeline: Timeline, told: Notify,
    sent: Broadcasts, handed_over: Submissions,
) -> Retention:  # fmt: skip
    """Everything that goes by itself; `docs/retention.md` says the same to people."""
    return Retention(
        (
            Promise("requests that wait for an approval", approvals.KEPT_MS, MINUTE, held.expire),
            Promise("notes on threads", notes_of_team.KEPT_MS, HOUR, notes.expire),
            Promise("contact shares that nobody answered", shares_of_team.PENDING_MS, HOUR, shares.expire_pending),
            Promise("contact shares that were answered", shares_of_team.RESOLVED_MS, HOUR, shares.expire_resolved),
            Promise("uploads that were not attached", attachments.LIFE_MS, HOUR, uploads.sweep),
            Promise("activity of contacts", activity.KEPT_MS, 6 * HOUR, timeline.sweep),
            Promise("the event log", event_log.KEPT_MS, HOUR, told.event_log.expire),
            Promise("what was delivered to webhooks", webhooks.KEPT_MS, HOUR, told.webhooks.sweep),
            Promise("events for those who listen", live_events.KEPT_MS, MINUTE, told.live.sweep),
            Promise("what is counted", metering.KEPT_MS, HOUR, told.metering.expire),
            Promise("what mail clients have handed over", submissions.KEPT_MS, HOUR, handed_over.sweep),
            Promise("recipients of broadcasts", broadcasts.RECIPIENTS_KEPT_MS, 6 * HOUR, sent.expire),
        )
    )
