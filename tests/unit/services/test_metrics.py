"""What happened and how much there is, as numbers."""

import time
from dataclasses import replace

import pytest

from mailserver.entities import errors
from mailserver.entities.event import Event, EventType
from mailserver.entities.metric import Extent, UsageType
from mailserver.services.notify.metering import Metering
from mailserver.services.notify.metrics import DAY_MS, MOST_BUCKETS, Metrics, Span
from tests.support.inside import inside

HOUR_MS = 3_600_000
NOW = int(time.time() * 1000)
LETTER = b"From: Eve <eve@remote.test>\r\nTo: agent@local.test\r\nSubject: Hi\r\nMessage-ID: <%d@r.test>\r\n\r\nHi.\r\n"


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


async def hand_out(house):
    while await house.assembled.fanout.step():
        pass


async def publish(house, kind, *ats, inbox_id=None, **body):
    inbox, told = house.account.inbox, {"recipient": "bob@remote.test", **body}

    def write(tx):
        for at in ats:
            where = inbox.id if inbox_id is None else inbox_id
            tx.publish(Event(house.store.ids.next(), inbox.tenant_id, where, kind, at, told))

    await house.store.database.write(write)
    await hand_out(house)


def of(house):
    return Extent(house.account.inbox.tenant_id)


async def test_events_are_counted_once_and_in_buckets(house):
    now = int(time.time() * 1000)
    begin = now - now % HOUR_MS - 5 * HOUR_MS
    await publish(house, EventType.MESSAGE_DELIVERED, begin + 5, begin + 5, begin + 6, begin + HOUR_MS)
    metrics = house.services.notify.metrics
    one_by_one = await metrics.events(of(house), ["message.delivered"], Span())
    assert one_by_one == {"message.delivered": [(begin + 5, 2), (begin + 6, 1), (begin + HOUR_MS, 1)]}
    span = Span(period_seconds=3_600)
    assert await metrics.events(of(house), ["message.delivered"], span) == {
        "message.delivered": [(begin, 3), (begin + HOUR_MS, 1)]
    }
    newest = Span(period_seconds=3_600, limit=1, descending=True)
    found = await metrics.events(of(house), [], newest)
    assert found["message.delivered"] == [(begin + HOUR_MS, 1)]
    assert found["message.bounced"] == []
    narrow = Span(after=begin + 6, before=begin + HOUR_MS)
    assert await metrics.events(of(house), ["message.delivered"], narrow) == {"message.delivered": [(begin + 6, 1)]}


async def test_an_inbox_and_a_pod_have_their_own_numbers(house):
    now = int(time.time() * 1000)
    second = await house.services.inboxes.add("second@local.test")
    await publish(house, EventType.MESSAGE_SENT, now - 5)
    await publish(house, EventType.MESSAGE_BOUNCED, now - 4, inbox_id=second.id)
    await publish(house, EventType.DOMAIN_VERIFIED, now - 3, inbox_id=0, domain="local.test")
    metrics, tenant = house.services.notify.metrics, second.tenant_id
    names = ["message.sent", "message.bounced", "domain.verified"]
    for extent, counts in (
        (Extent(tenant), (1, 1, 1)), (Extent(tenant, second.pod_id), (1, 1, 1)), (Extent(tenant, 7), (0, 0, 0)),
        (Extent(tenant, None, second.id), (0, 1, 0)), (Extent(7), (0, 0, 0)),
    ):  # fmt: skip
        found = await metrics.events(extent, names, Span())
        assert tuple(len(found[name]) for name in names) == counts, extent


async def test_rates_look_back_over_the_window_and_count_recipients(house):
    now = int(time.time() * 1000)
    await house.submit(
        (LETTER % 1).replace(b"Eve <eve@remote.test>", b"agent@local.test"),
        house.account.inbox,
        to=["a@remote.test", "b@remote.test", "c@remote.test", "d@remote.test"],
    )
    await house.settled()
    await hand_out(house)
    await publish(house, EventType.MESSAGE_BOUNCED, now - 1)
    metrics = Metrics(house.store.database, lambda: now + 60_000)
    found = await metrics.rates(of(house), [], Span(), 86_400)
    assert len(found["bounce"]) == 25
    last = found["bounce"][-1]
    assert (last.at, last.rate, last.sent) == (now + 60_000, 0.25, 4)
    assert found["complaint"][-1].rate == 0.0
    assert (found["bounce"][0].rate, found["bounce"][0].sent) == (None, 0)
    short = await metrics.rates(of(house), ["bounce"], Span(after=now - HOUR_MS, period_seconds=60), 60)
    assert [one.sent for one in short["bounce"] if one.sent] == [4]
    two = await metrics.rates(of(house), ["bounce"], Span(after=now - HOUR_MS, period_seconds=60), 120)
    assert sum(one.sent for one in two["bounce"]) >= 4


async def test_a_window_that_slides_is_what_is_counted_anew_at_every_point(house):
    now = int(time.time() * 1000)
    minute = 60_000
    await publish(house, EventType.MESSAGE_BOUNCED, *(now - number * 47_001 for number in range(1, 60)))
    await publish(house, EventType.MESSAGE_COMPLAINED, now - 61_000)
    metrics = Metrics(house.store.database, lambda: now)

    def seed(tx):
        tx.execute("UPDATE metric SET name = 'message.sent', recipients = 3 WHERE id % 2 = 0")

    await house.store.database.write(seed)
    rows = await house.rows("SELECT name, at, recipients FROM metric")
    found = (await metrics.rates(of(house), ["bounce"], Span(now - 50 * minute, None, 60), 300))["bounce"]
    assert len(found) == 51
    for one in found:
        inside_it = [row for row in rows if one.at - 5 * minute <= row[1] < one.at]
        bad = sum(row[0] == "message.bounced" for row in inside_it)
        sent = sum(row[2] for row in inside_it if row[0] == "message.sent")
        assert (one.sent, one.rate) == (sent, bad / sent if sent else None)


async def test_usage_is_what_there_was_at_each_time(house):
    now = int(time.time() * 1000)
    clock = [now - 3 * HOUR_MS]
    metering = Metering(house.store.database, lambda: clock[0])
    assert await metering.look() == 3  # an inbox, a pod, a tenant
    assert await metering.look() == 0, "nothing has changed"
    await house.receive(LETTER % 1)
    await house.settled()
    clock[0] = now - HOUR_MS - 1
    assert await metering.look() == 3
    await house.receive(LETTER % 2)
    await house.settled()
    metrics = Metrics(house.store.database, lambda: now)
    inbox = house.account.inbox
    for extent in (of(house), Extent(inbox.tenant_id, inbox.pod_id), Extent(inbox.tenant_id, None, inbox.id)):
        found = await metrics.usage(extent, [], Span(after=now - 5 * HOUR_MS, period_seconds=3_600))
        counts = [(now - 3 * HOUR_MS, 0), (now - 2 * HOUR_MS, 0), (now - HOUR_MS, 1), (now, 2)]
        assert found[UsageType.MESSAGE_COUNT] == found[UsageType.THREAD_COUNT] == counts
        assert found[UsageType.STORAGE_BYTES][-1][1] > found[UsageType.STORAGE_BYTES][-2][1] > 0
        assert set(found) == set(extent.usage_types)
    assert found.keys() & {UsageType.POD_COUNT, UsageType.INBOX_COUNT} == set()
    whole = await metrics.usage(of(house), ["pod_count", "inbox_count", "domain_count"], Span(descending=True, limit=1))
    assert {kind.value: series for kind, series in whole.items()} == {
        "pod_count": [(now, 1)], "inbox_count": [(now, 1)], "domain_count": [(now, 1)],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda m, e: m.events(e, ["message.eaten"], Span()), "event_types"),
        (lambda m, e: m.usage(e, ["memory"], Span()), "usage_types"),
        (lambda m, e: m.usage(Extent(e.tenant_id, None, 1), ["pod_count"], Span()), "usage_types"),
        (lambda m, e: m.rates(e, ["open"], Span(), 86_400), "rate_types"),
        (lambda m, e: m.rates(e, [], Span(), 5_000), "window"),
        (lambda m, e: m.rates(e, [], Span(period_seconds=60), 86_400), "period"),
        (lambda m, e: m.usage(e, [], Span(period_seconds=1)), "period"),
        (lambda m, e: m.events(e, [], Span(after=1)), "start"),
        (lambda m, e: m.totals(e, 1, None), "since"),
        (lambda m, e: m.events(e, [], Span(before=NOW - DAY_MS, after=NOW - HOUR_MS)), "end"),
    ],
)  # fmt: skip
async def test_a_question_that_has_no_answer_names_the_field(house, ask, field):
    with pytest.raises(errors.Invalid) as refused:
        await ask(house.services.notify.metrics, of(house))
    assert field in refused.value.fields


async def test_numbers_of_long_ago_go_and_the_level_that_holds_stays(house):
    now = int(time.time() * 1000)
    clock = [now - 200 * DAY_MS]
    metering = Metering(house.store.database, lambda: clock[0])
    await metering.look()
    await house.receive(LETTER % 1)
    await house.settled()
    clock[0] = now - 100 * DAY_MS
    await metering.look()
    clock[0] = now
    await metering.expire()
    rows = await house.rows("SELECT DISTINCT at FROM usage_level")
    assert rows == [(now - 100 * DAY_MS,)], "what held when the time began is known still"
    await publish(house, EventType.MESSAGE_SENT, now)
    assert await house.rows("SELECT COUNT(*) FROM metric") != [(0,)]
    clock[0] = now + 91 * DAY_MS
    await metering.expire()
    assert await house.rows("SELECT COUNT(*) FROM metric") == [(0,)]


async def test_numbers_of_an_inbox_go_with_it(house):
    second = await house.services.inboxes.add("second@local.test")
    await publish(house, EventType.MESSAGE_SENT, int(time.time() * 1000), inbox_id=second.id)
    await house.services.notify.metering.look()
    owner = replace(await house.caller(), is_owner=True)
    await house.services.inbox_keeping.close(owner, second, is_forced=True, is_purged=True)
    await house.services.inbox_keeping.sweep()
    for table in ("metric", "usage_level"):
        assert await house.rows(f"SELECT COUNT(*) FROM {table} WHERE inbox_id = ?", second.id) == [(0,)], table


async def test_a_hundred_thousand_events_are_answered_in_good_time(house):
    now = int(time.time() * 1000)
    inbox = house.account.inbox
    rows = [
        (number, inbox.tenant_id, inbox.id, "message.sent", now - number * 60_000 % (89 * DAY_MS), 1)
        for number in range(1, 100_001)
    ]

    def write(tx):
        tx.executemany(
            "INSERT INTO metric(id, tenant_id, inbox_id, name, at, recipients) VALUES (?, ?, ?, ?, ?, ?)", rows
        )

    await house.store.database.write(write)
    metrics = house.services.notify.metrics
    span = Span(after=now - 89 * DAY_MS, period_seconds=86_400)
    for extent in (of(house), Extent(inbox.tenant_id, inbox.pod_id), Extent(inbox.tenant_id, None, inbox.id)):
        begun = time.process_time()
        found = await metrics.events(extent, [], span)
        assert sum(count for _, count in found["message.sent"]) > 99_990
        await metrics.rates(extent, [], span, 2_592_000)
        await metrics.totals(extent, None, None)
        assert time.process_time() - begun < 10, extent
    assert len((await metrics.events(of(house), [], Span()))["message.sent"]) == min(MOST_BUCKETS, 1_000)
