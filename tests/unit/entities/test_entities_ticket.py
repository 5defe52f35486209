"""The statuses of a ticket: every pair of them, by hand and by every step."""

import itertools

import pytest

from mailserver.entities import ticket
from mailserver.entities.ticket import Step, TicketStatus

OPEN, SENDER, INTERNAL, RESOLVED, CLOSED = TicketStatus
BY_HAND = {
    (OPEN, SENDER), (OPEN, INTERNAL), (SENDER, OPEN), (SENDER, INTERNAL), (INTERNAL, OPEN), (INTERNAL, SENDER),
    *((each, each) for each in TicketStatus),
}  # fmt: skip
AFTER = {
    Step.RECEIVED: (OPEN, OPEN, INTERNAL, OPEN, CLOSED),
    Step.SENT: (SENDER, SENDER, INTERNAL, RESOLVED, CLOSED),
    Step.RESOLVE: (RESOLVED, RESOLVED, RESOLVED, RESOLVED, None),
    Step.CLOSE: (CLOSED, CLOSED, CLOSED, CLOSED, CLOSED),
    Step.REOPEN: (OPEN, SENDER, INTERNAL, OPEN, OPEN),
}


@pytest.mark.parametrize(("status", "wanted"), list(itertools.product(TicketStatus, repeat=2)))
def test_a_status_is_set_by_hand_only_among_those_of_work_that_goes_on(status, wanted):
    assert ticket.may_be_set(status, wanted) == ((status, wanted) in BY_HAND)


@pytest.mark.parametrize(("step", "status"), list(itertools.product(Step, TicketStatus)))
def test_every_step_leads_where_the_table_says(step, status):
    assert ticket.after(status, step) == AFTER[step][list(TicketStatus).index(status)]


@pytest.mark.parametrize("step", list(Step))
def test_a_step_that_is_repeated_changes_nothing_more(step):
    for status in TicketStatus:
        once = ticket.after(status, step)
        if once is not None:
            assert ticket.after(once, step) == (SENDER if (step, once) == (Step.SENT, OPEN) else once)


def test_resolved_and_closed_are_the_ends():
    assert [each for each in TicketStatus if each.is_final] == [RESOLVED, CLOSED]
