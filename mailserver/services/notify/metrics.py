"""Numbers about what happened and how much there is, for whoever may see what they are about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from mailserver.entities import errors
from mailserver.entities.metric import Extent, UsageLevel, UsageType
from mailserver.services.notify import agent_events
from mailserver.storage import metrics, usage_levels
from mailserver.storage.database import Database, Snapshot

DAY_MS = 86_400_000
KEPT_MS = 90 * DAY_MS  # how far back a question may go
MOST_BUCKETS = 1_000
SECOND_MS = 1_000
EVENTS = (
    "message.received", "message.received.spam", "message.received.blocked", agent_events.UNAUTHENTICATED,
    "message.sent", "message.delivered", "message.bounced", "message.complained", "message.rejected",
    "message.opened", "domain.verified",
)  # fmt: skip
Item = TypeVar("Item")
RATES = {"bounce": "message.bounced", "complaint": "message.complained"}


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, by what steps, and how many of them: times in milliseconds, None for what is usual."""

    after: int | None = None
    before: int | None = None
    period_seconds: int | None = None
    limit: int = MOST_BUCKETS
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of the messages that were sent in the time before `at` ended badly; None where none was sent."""

    at: int
    rate: float | None
    sent: int


class Metrics:
    """Series. Who asks has been found to be allowed to see the extent that is asked for."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def events(self, extent: Extent, names: Sequence[str], span: Span) -> dict[str, list[tuple[int, int]]]:
        """(time, count) of events by name: one by one, or in buckets that begin at multiples of the period."""
        unknown = [name for name in names if name not in EVENTS]
        if unknown:
            _refuse("event_types", f"There is no event {unknown[0]} that is counted; there are {', '.join(EVENTS)}.")
        after, before = self._times(span)
        return await self._database.read(_events, extent, names or EVENTS, after, before, span)

    async def rates(
        self, extent: Extent, kinds: Sequence[str], span: Span, window_seconds: int
    ) -> dict[str, list[Rate]]:
        """Rates at every period back from the end, each of the window before it."""
        unknown = [kind for kind in kinds if kind not in RATES]
        if unknown:
            _refuse("rate_types", f"There is no rate {unknown[0]}; there are {', '.join(RATES)}.")
        period = span.period_seconds or 3_600
        if window_seconds % period:
            _refuse("window", "The window is a whole multiple of the period.")
        after, before = self._times(span)
        if (before - after) // SECOND_MS + window_seconds > MOST_BUCKETS * period:
            _refuse("period", f"There are more than {MOST_BUCKETS:,} periods between start and end with the window.")
        return await self._database.read(
            _rates, extent, tuple(kinds) or tuple(RATES), _points(after, before, period), window_seconds, period, span
        )

    async def usage(self, extent: Extent, kinds: Sequence[str], span: Span) -> dict[UsageType, list[tuple[int, int]]]:
        """(time, how much there was) at every period back from the end, from when on it is known."""
        possible = {kind.value: kind for kind in extent.usage_types}
        unknown = [kind for kind in kinds if kind not in possible]
        if unknown:
            _refuse("usage_types", f"There is no usage {unknown[0]} here; there are {', '.join(possible)}.")
        period, now = span.period_seconds or 3_600, self._clock()
        after, before = self._times(span)
        if before - after > MOST_BUCKETS * period * SECOND_MS:
            _refuse("period", f"There are more than {MOST_BUCKETS:,} periods between start and end.")
        wanted = [possible[kind] for kind in kinds] or list(extent.usage_types)
        points = _points(after, before, period)
        levels = await self._database.read(_levels, extent, points, now)
        return {
            kind: _cut([(at, level.value(kind)) for at, level in levels], span) for kind in wanted
        }  # fmt: skip

    async def totals(self, extent: Extent, after: int | None, before: int | None) -> tuple[int, int, dict[str, int]]:
        """From when, to when, and how many events of each name: of 30 days where nothing else is asked for."""
        now = self._clock()
        begin, end = self._times(Span(now - 30 * DAY_MS if after is None else after, before), "since", "until")
        found = await self._database.read(metrics.totals, extent, EVENTS, begin, end)
        return begin, end, {name: events for name, (events, _) in found.items()}

    def _times(self, span: Span, first: str = "start", last: str = "end") -> tuple[int, int]:
        now = self._clock()
        before = now if span.before is None else min(span.before, now)
        after = before - DAY_MS if span.after is None else span.after
        if after < now - KEPT_MS - DAY_MS // 24:  # an hour for who reckons 90 days and then asks
            _refuse(first, "Numbers are kept for 90 days; begin later.")
        if after > before:
            _refuse(last, "The end lies before the beginning.")
        return after, before


def _events(
    snapshot: Snapshot, extent: Extent, names: Sequence[str], after: int, before: int, span: Span
) -> dict[str, list[tuple[int, int]]]:
    found = {}
    for name in names:
        if span.period_seconds is None:
            found[name] = metrics.each(snapshot, extent, name, after, before, span.limit, descending=span.descending)
        else:
            width = span.period_seconds * SECOND_MS
            rows = metrics.buckets(snapshot, extent, name, after, before, width)
            found[name] = _cut([(at, events) for at, events, _ in rows], span)
    return found


def _rates(
    snapshot: Snapshot, extent: Extent, kinds: Sequence[str], points: Sequence[int], window_seconds: int, period: int,
    span: Span,
) -> dict[str, list[Rate]]:  # fmt: skip
    if not points:
        return {kind: [] for kind in kinds}
    width, window = period * SECOND_MS, window_seconds // period
    begin = points[0] - window_seconds * SECOND_MS

    def sums(name: str) -> list[tuple[int, int]]:
        """(events, recipients) of the window before each point."""
        by_step = [(0, 0)] * (window + len(points) - 1)
        for at, events, recipients in metrics.buckets(snapshot, extent, name, begin, points[-1], width, begin):
            by_step[(at - begin) // width] = events, recipients
        found = []
        events = sum(step[0] for step in by_step[:window])
        recipients = sum(step[1] for step in by_step[:window])
        for number in range(len(points)):
            if number:
                events += by_step[number + window - 1][0] - by_step[number - 1][0]
                recipients += by_step[number + window - 1][1] - by_step[number - 1][1]
            found.append((events, recipients))
        return found

    sent = [recipients for _, recipients in sums(agent_events.SENT)]
    found = {}
    for kind in kinds:
        bad = [events for events, _ in sums(RATES[kind])]
        found[kind] = _cut(
            [
                Rate(at, bad[number] / sent[number] if sent[number] else None, sent[number])
                for number, at in enumerate(points)
            ],
            span,
        )
    return found


def _levels(snapshot: Snapshot, extent: Extent, points: Sequence[int], now: int) -> list[tuple[int, UsageLevel]]:
    """The level that held at each point; those of which nothing is known are left out."""
    if not points:
        return []
    level = usage_levels.last(snapshot, extent, points[0])
    later = usage_levels.between(snapshot, extent, points[0], points[-1])
    found, number = [], 0
    for at in points:
        while number < len(later) and later[number].at <= at:
            level = later[number]
            number += 1
        if at >= now:
            level = usage_levels.now(snapshot, extent, now, level)
        if level is not None:
            found.append((at, level))
    return found


def _points(after: int, before: int, period_seconds: int) -> list[int]:
    """Times at every period back from the end, oldest first."""
    width = period_seconds * SECOND_MS
    number = min((before - after) // width, MOST_BUCKETS)
    return [before - step * width for step in range(number, -1, -1)]


def _cut(series: list[Item], span: Span) -> list[Item]:
    return (series[::-1] if span.descending else series)[: span.limit]


def _refuse(field: str, sentence: str) -> NoReturn:
    raise errors.Invalid(sentence, **{field: sentence})
