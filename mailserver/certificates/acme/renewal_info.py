"""When an authority would like a certificate renewed (RFC 9773)."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.certificates.acme.authority import Authority
from mailserver.certificates.acme.problem import Problem

ASK_AGAIN_SECONDS = 6 * 3600.0  # RFC 9773 4.3.3, where the authority names no time
SOONEST_SECONDS, LATEST_SECONDS = 60.0, 86_400.0  # RFC 9773 4.3.2: clamped to what is reasonable


@dataclass(frozen=True, slots=True)
class Window:
    """The suggested time, in unix milliseconds."""

    start_at: int
    end_at: int

    def pick(self, random: Callable[[], float]) -> int:
        """A time in it, by chance, so that not everybody comes at once (RFC 9773 4.2)."""
        return self.start_at + int(random() * (self.end_at - self.start_at))


async def ask(authority: Authority, renewal_id: str) -> tuple[Window | None, float]:
    """The window, and the seconds after which to ask again; no window where the authority has none to say."""
    base = (await authority.directory()).renewal_info
    if not base:
        return None, LATEST_SECONDS
    reply = await authority.get(f"{base.rstrip('/')}/{renewal_id}")
    again = ASK_AGAIN_SECONDS if reply.retry_after_seconds is None else reply.retry_after_seconds
    suggested = reply.document().get("suggestedWindow")
    suggested = suggested if isinstance(suggested, dict) else {}
    start, end = _time(suggested.get("start")), _time(suggested.get("end"))
    if end <= start:  # RFC 9773 4.2: to be treated as if there were no answer
        raise Problem("", "The authority's window for renewal ends before it starts")
    return Window(start, end), min(max(again, SOONEST_SECONDS), LATEST_SECONDS)


def _time(text: object) -> int:
    try:
        found = dt.datetime.fromisoformat(str(text))
    except ValueError as error:
        raise Problem("", "The authority's window for renewal cannot be read") from error
    if found.tzinfo is None:
        raise Problem("", "The authority's window for renewal has no time zone")
    return int(found.timestamp() * 1000)
