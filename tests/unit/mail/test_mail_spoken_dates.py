"""Times and lengths in words."""

from datetime import UTC, datetime, timedelta

import pytest

from mailserver.mail import spoken_dates

NOW = datetime(2026, 6, 3, 10, 0, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT30M", 1800), ("pt1h30m", 5400), ("P1D", 86_400), ("P1W", 604_800), ("30 minutes", 1800), ("an hour", 3600),
        ("1 hour and 5 min", 3900), ("2h", 7200),
    ],
)  # fmt: skip
def test_lengths_are_read(text, seconds):
    assert spoken_dates.span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "soon", "5", "-5 minutes", "3 fortnights", "1 hour or so"])
def test_what_is_no_length_is_none(text):
    assert spoken_dates.span(text) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("in 2 hours", datetime(2026, 6, 3, 12, 0, tzinfo=UTC)),
        ("Tomorrow at 15:30", datetime(2026, 6, 4, 15, 30, tzinfo=UTC)),
        ("next Monday", datetime(2026, 6, 8, 9, 0, tzinfo=UTC)),
        ("wednesday 3 pm", datetime(2026, 6, 10, 15, 0, tzinfo=UTC)),
        ("today 12am", datetime(2026, 6, 3, 0, 0, tzinfo=UTC)),
        ("next week", datetime(2026, 6, 8, 9, 0, tzinfo=UTC)),
    ],
)
def test_moments_are_read(text, moment):
    assert spoken_dates.moment(text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "in", "in a bit", "next", "tomorrow 25:00", "today 13pm", "2026-06-03", "x" * 999]
)
def test_what_is_no_moment_is_none(text):
    assert spoken_dates.moment(text, NOW) is None
