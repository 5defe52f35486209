"""Tickets and links of threads: every list walks an index, at any size."""

import pytest

from mailserver.entities.ticket import Ticket, TicketPriority, TicketStatus
from mailserver.storage import thread_links, tickets
from mailserver.storage.database import Snapshot, Transaction
from tests.support import plans

MANY = 400


def _fill(tx):
    for number in range(1, MANY + 1):
        status = list(TicketStatus)[number % 5]
        tickets.put(
            tx, Ticket(number, 1, 1 + number % 2, status, TicketPriority.NORMAL, 7, None, 9, None, 0, 1, number)
        )
        thread_links.add(tx, 1, 1, number + 1, number)


@pytest.fixture
def watched(tmp_path):
    with plans.watching(tmp_path, _fill) as opened:
        yield opened


def faults(watched):
    """Whatever reads more than it has to, or sorts."""
    return [
        (step, sql)
        for sql, steps in watched.plans
        for step in steps
        if step.startswith("SCAN ") or "TEMP B-TREE" in step
    ]


@pytest.mark.parametrize("status", [None, TicketStatus.CLOSED])
@pytest.mark.parametrize("position", [0, 30])
def test_a_list_of_tickets_walks_its_index_newest_change_first(watched, status, position):
    found, total = tickets.page(Snapshot(watched, watched.database), 1, status, position, 10)
    assert total == (MANY / 2 if status is None else MANY / 10)
    changed = [each.updated_at for each in found]
    assert changed == sorted(changed, reverse=True)
    assert len(found) == 10
    assert faults(watched) == []
    assert ("ticket_inbox" if status is None else "ticket_status") in watched.plans[0][1][0]


def test_what_goes_with_its_thread_label_or_inbox_is_found_by_an_index(watched):
    tx = Transaction(watched, watched.database)
    tickets.forget_class(tx, 3, 7)
    tickets.forget_label(tx, 7)
    tickets.forget_assignee(tx, 9)
    tickets.forget_thread(tx, 3)
    thread_links.forget_thread(tx, 3)
    thread_links.forget_thread(tx, 1)
    tx.execute("DELETE FROM ticket WHERE inbox_id = ?", (1,))
    tx.execute("DELETE FROM thread_link WHERE inbox_id = ?", (1,))
    assert len(watched.plans) == 10
    assert faults(watched) == []


def test_links_of_a_thread_are_bounded_and_counted_by_their_key(watched):
    snapshot = Snapshot(watched, watched.database)
    assert thread_links.count(snapshot, 1) == MANY
    assert len(thread_links.of_thread(snapshot, 1)) == min(MANY, thread_links.MOST)
    ours = [(sql, steps) for sql, steps in watched.plans if "thread_link" in sql]
    assert all(step.startswith("SEARCH") for _, steps in ours for step in steps)
