"""What addresses and networks may do on port 25."""

import pytest

from mailserver.smtp import replies
from mailserver.smtp.conduct import Conduct
from mailserver.smtp.limits import SmtpLimits


class Time:
    now = 100.0

    def __call__(self):
        return self.now


def conduct(**limits):
    clock = Time()
    return Conduct(SmtpLimits(**limits), clock), clock


def test_an_address_may_send_so_many_messages_an_hour():
    found, clock = conduct(messages_per_address_per_hour=2)
    for _ in range(2):
        assert found.refuse_message("192.0.2.1") is None
        found.count_message("192.0.2.1")
    assert found.refuse_message("192.0.2.1") is replies.TOO_MUCH_MAIL
    assert found.refuse_message("192.0.2.2") is None
    clock.now += 4300
    assert found.refuse_message("192.0.2.1") is None


@pytest.mark.parametrize(
    ("addresses", "other"),
    [(("192.0.2.1", "192.0.2.2", "192.0.2.3"), "192.0.3.1"), (("2001:db8:0:1::1", "2001:db8:0:2::1"), "2001:db9::1")],
)
def test_a_network_may_send_so_many_messages_an_hour(addresses, other):
    found, _ = conduct(messages_per_network_per_hour=len(addresses))
    for address in addresses:
        assert found.refuse_message(address) is None
        found.count_message(address)
    assert found.refuse_message(addresses[0]) is replies.TOO_MUCH_MAIL
    assert found.refuse_message(other) is None


def test_an_ipv6_64_is_one_address():
    found, _ = conduct(messages_per_address_per_hour=1)
    found.count_message("2001:db8::1")
    assert found.refuse_message("2001:db8::ffff") is replies.TOO_MUCH_MAIL


def test_recipients_are_counted_by_address_and_network():
    found, _ = conduct(recipients_per_address_per_hour=2, recipients_per_network_per_hour=3)
    assert [found.refuse_recipient("192.0.2.1") for _ in range(3)] == [None, None, replies.TOO_MANY_TO_US]
    assert [found.refuse_recipient("192.0.2.2") for _ in range(2)] == [None, replies.TOO_MANY_TO_US]
    assert found.refuse_recipient("192.0.3.1") is None


def test_errors_make_answers_slower_up_to_a_bound():
    found, _ = conduct(tarpit_errors=2, tarpit_seconds=1.2)
    assert [found.misstep("192.0.2.1", number, is_unknown=False) for number in range(1, 7)] == [
        0, 0, 0.5, 1.0, 1.2, 1.2,
    ]  # fmt: skip
    assert found.misstep("127.0.0.1", 100, is_unknown=False) == 0


def test_unknown_recipients_are_counted_over_connections_and_end_in_421():
    found, clock = conduct(tarpit_errors=2, tarpit_seconds=10, unknown_recipients_per_address_per_hour=4)
    assert [found.misstep("192.0.2.1", 1, is_unknown=True) for _ in range(4)] == [0, 0, 0.5, 1.0]
    assert found.refuse("192.0.2.1") is None
    assert found.misstep("192.0.2.1", 1, is_unknown=True) is replies.TOO_MANY_UNKNOWN
    assert found.refuse("192.0.2.1") is replies.TOO_MANY_UNKNOWN
    assert found.refuse("192.0.2.2") is None
    clock.now += 4300
    assert found.refuse("192.0.2.1") is None


def test_no_limit_is_none_and_loopback_has_its_own():
    found, _ = conduct(
        messages_per_address_per_hour=0, messages_per_network_per_hour=0, recipients_per_address_per_hour=0,
        recipients_per_network_per_hour=0, unknown_recipients_per_address_per_hour=0, tarpit_seconds=0,
        messages_per_loopback_address_per_hour=1,
    )  # fmt: skip
    for _ in range(1000):
        found.count_message("192.0.2.1")
        assert found.refuse_message("192.0.2.1") is None
        assert found.refuse_recipient("192.0.2.1") is None
        assert found.refuse_recipient("::1") is None
        assert found.misstep("192.0.2.1", 1000, is_unknown=True) == 0
    assert found.refuse("192.0.2.1") is None
    found.count_message("127.0.0.2")
    assert found.refuse_message("127.0.0.2") is replies.TOO_MUCH_MAIL
    assert found.refuse_message("127.0.0.3") is None


def test_any_number_of_addresses_takes_bounded_memory():
    found, _ = conduct()
    for number in range(200_000):
        found.refuse_recipient(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(found._recipients) <= 65_536 + 7


def test_strangers_wait_for_the_greeting():
    found, _ = conduct(greeting_delay_seconds=2)
    assert found.greeting_delay("192.0.2.1") == 2
    assert found.greeting_delay("::1") == 0
