"""Small values: schedule, pace, classification, extensions, line ends."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.entities.delivery import Deferred, Delivered, Failed, FailureKind
from mailserver.mail.reply import Reply
from mailserver.queue import bounce, classify, content, extensions
from mailserver.queue.conversation import Refused, Stage
from mailserver.queue.pace import Pace
from mailserver.queue.parameters import Unsupported
from mailserver.queue.retry import RETRY_SECONDS, Schedule
from mailserver.queue.routing import NoRoute
from mailserver.queue.wire import Broken
from mailserver.services.outbound import outcomes

DAY_MS = 86_400_000


def test_the_waits_follow_the_schedule_within_its_jitter():
    schedule = Schedule(chance=random.Random(1))
    for attempts, seconds in enumerate((*RETRY_SECONDS, RETRY_SECONDS[-1]), start=1):
        wait = schedule.next_at(attempts, 0, 5 * DAY_MS) / 1000
        assert 0.8 * seconds <= wait <= 1.2 * seconds


def test_what_failed_together_does_not_come_back_together():
    schedule = Schedule()
    assert len({schedule.next_at(1, 0, DAY_MS) for _ in range(50)}) > 20


def test_the_last_attempt_falls_on_the_end_and_then_it_is_over():
    schedule = Schedule()
    assert schedule.next_at(9, 5 * DAY_MS - 1000, 5 * DAY_MS) == 5 * DAY_MS
    assert schedule.next_at(9, 5 * DAY_MS, 5 * DAY_MS) is None


def test_five_days_see_about_twenty_attempts():
    schedule, now, attempts = Schedule(chance=random.Random(2)), 0, 1
    while (then := schedule.next_at(attempts, now, 5 * DAY_MS)) is not None:
        now, attempts = then, attempts + 1
    assert now == 5 * DAY_MS
    assert 18 <= attempts <= 28


@pytest.mark.parametrize(
    ("code", "enhanced", "stage", "expected"),
    [
        (421, "4.7.0", Stage.RECIPIENT, "destination"),
        (421, "", Stage.END, "destination"),
        (451, "4.7.1", Stage.RECIPIENT, "recipient"),
        (452, "4.2.2", Stage.END, "recipient"),
        (450, "4.7.1", Stage.MAIL, "destination"),
        (550, "5.1.1", Stage.RECIPIENT, FailureKind.REFUSED),
        (554, "5.7.1", Stage.END, FailureKind.POLICY),
        (550, "5.7.26", Stage.MAIL, FailureKind.POLICY),
        (552, "", Stage.RECIPIENT, "recipient"),
        (552, "5.2.2", Stage.RECIPIENT, FailureKind.REFUSED),
        (554, "5.7.1", Stage.GREETING, "destination"),
        (535, "5.7.8", Stage.LOGIN, "destination"),
        (530, "5.7.0", Stage.MAIL, "destination"),
        (500, "4.0.0", Stage.DATA, FailureKind.REFUSED),
    ],
)
def test_the_basic_codes_class_decides(code, enhanced, stage, expected):
    outcome = classify.outcome(Refused(Reply(code, enhanced, "text"), stage), 1, "mx.test")
    if isinstance(expected, FailureKind):
        assert isinstance(outcome, Failed)
        assert outcome.kind is expected
    else:
        assert isinstance(outcome, Deferred)
        assert outcome.whole_destination == (expected == "destination")


def test_troubles_of_our_own_have_their_outcomes():
    assert classify.outcome(Broken("gone"), 1).whole_destination
    assert classify.outcome(NoRoute("5.1.10", "none"), 1).kind is FailureKind.NO_ROUTE
    assert classify.outcome(Unsupported(Reply(554, "5.6.3", "no")), 1).kind is FailureKind.UNSUPPORTED


@pytest.mark.parametrize(
    ("kind", "code", "enhanced", "expected"),
    [
        (FailureKind.REFUSED, 550, "5.1.1", True),
        (FailureKind.REFUSED, 550, "", True),
        (FailureKind.POLICY, 554, "5.7.1", True),
        (FailureKind.REFUSED, 550, "5.2.1", True),
        (FailureKind.REFUSED, 552, "5.2.2", False),
        (FailureKind.REFUSED, 552, "5.3.4", False),
        (FailureKind.REFUSED, 552, "", False),
        (FailureKind.REFUSED, 554, "5.6.0", False),
        (FailureKind.REFUSED, 550, "5.1.8", False),
        (FailureKind.NO_ROUTE, 556, "5.1.10", True),
        (FailureKind.NO_ROUTE, 550, "5.1.2", True),
        (FailureKind.NO_ROUTE, 550, "5.4.6", False),
        (FailureKind.EXPIRED, 550, "5.4.7", False),
        (FailureKind.UNSUPPORTED, 554, "5.6.3", False),
        (FailureKind.REPORTED, 550, "5.1.1", True),
        (FailureKind.REPORTED, 450, "4.4.7", False),
    ],
)
def test_only_a_failure_of_the_address_suppresses_it(kind, code, enhanced, expected):
    assert outcomes.is_address_at_fault(Failed(1, kind, Reply(code, enhanced, "x"))) is expected


def test_pace_grows_with_success_and_shrinks_until_rest():
    pace, ok = Pace(20), Delivered(1, "h", Reply(250, "", "ok"))
    no = Deferred(1, Reply(421, "", "no"), whole_destination=True)
    assert pace.limit == 5
    for _ in range(50):
        pace.learn(ok)
    assert pace.limit == 20
    answers = [pace.learn(no) for _ in range(5)]
    assert answers == [False, False, False, False, True]
    assert pace.limit == 1
    assert pace.rest(1000, 60) == 61_000
    assert pace.is_resting(60_999)
    assert not pace.is_resting(61_000)
    pace.learn(ok)
    assert (pace.limit, pace.rests) == (2, 0)


@pytest.mark.parametrize(
    ("kind", "notify", "expected"),
    [
        ("failed", None, True),
        ("delayed", None, True),
        ("delivered", None, False),
        ("failed", "NEVER", False),
        ("failed", "SUCCESS", False),
        ("delayed", "FAILURE", False),
        ("relayed", "success,failure", True),
    ],
)
def test_notify_says_which_reports_are_wanted(kind, notify, expected):
    assert bounce.is_wanted(kind, notify) is expected


def test_extensions_are_read_whatever_their_case_and_spelling():
    found = extensions.read(("mx.test hello", "size 1000", "AUTH PLAIN", "AUTH=LOGIN", "8bitmime", ""))
    assert found.size_limit == 1000
    assert found.mechanisms == {"PLAIN", "LOGIN"}
    assert found.offers("8BITMIME")


@pytest.mark.parametrize("word", ["SIZE", "SIZE 0", "SIZE many", "SIZE -1", "SIZE " + "9" * 40])
def test_a_size_that_says_nothing_is_no_limit(word):
    assert extensions.read(("mx.test", word)).size_limit is None


@given(
    st.lists(
        st.binary(max_size=12).map(lambda data: data.replace(b"x", b"\r").replace(b"y", b"\n").replace(b"z", b"."))
    )
)
def test_line_ends_and_dots_do_not_depend_on_where_chunks_end(chunks):
    ends, stuffing, joined = content.LineEnds(), content.DotStuffing(), b"".join(chunks)
    streamed = b"".join(stuffing.feed(ends.feed(chunk)) for chunk in chunks)
    streamed += stuffing.feed(ends.finish()) + stuffing.finish()
    whole = content.DotStuffing()
    mended = content.mend(joined)
    assert streamed == whole.feed(mended) + whole.finish()
    assert streamed.count(b"\r\n.\r\n") + streamed.startswith(b".\r\n") == 1
    assert streamed.count(b"\n") == streamed.count(b"\r") == streamed.count(b"\r\n")
