import pytest

from mailserver.smtp import replies
from mailserver.smtp.limits import Door, SmtpLimits


class Time:
    now = 100.0

    def __call__(self):
        return self.now


def door(**limits):
    clock = Time()
    return Door(SmtpLimits(**limits), clock), clock


def test_an_address_may_hold_only_so_many_connections():
    entrance, _ = door(connections_per_address=2)
    assert entrance.enter("192.0.2.1") is None
    assert entrance.enter("192.0.2.1") is None
    assert entrance.enter("192.0.2.1") is replies.TOO_MANY_CONNECTIONS
    assert entrance.enter("192.0.2.2") is None
    entrance.leave("192.0.2.1")
    assert entrance.enter("192.0.2.1") is None


def test_a_network_may_hold_only_so_many_connections():
    entrance, _ = door(connections_per_network=2)
    assert entrance.enter("192.0.2.1") is None
    assert entrance.enter("192.0.2.2") is None
    assert entrance.enter("192.0.2.3") is replies.TOO_MANY_CONNECTIONS
    assert entrance.enter("192.0.3.3") is None


def test_an_ipv6_64_counts_as_one_address():
    entrance, _ = door(connections_per_address=1)
    assert entrance.enter("2001:db8::1") is None
    assert entrance.enter("2001:db8::2") is replies.TOO_MANY_CONNECTIONS
    assert entrance.enter("2001:db8:0:1::2") is None


def test_a_mapped_address_counts_as_the_ipv4_address_that_it_is():
    entrance, _ = door(connections_per_address=1)
    assert entrance.enter("::ffff:192.0.2.1") is None
    assert entrance.enter("192.0.2.1") is replies.TOO_MANY_CONNECTIONS


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_has_limits_of_its_own(address):
    entrance, _ = door(connections_per_address=1, connections_per_loopback_address=3, new_connections_per_minute=1)
    assert [entrance.enter(address) for _ in range(3)] == [None] * 3
    assert entrance.enter(address) is replies.TOO_MANY_CONNECTIONS


def test_all_together_may_be_only_so_many():
    entrance, _ = door(connections=2)
    assert entrance.enter("192.0.2.1") is None
    assert entrance.enter("198.51.100.1") is None
    assert entrance.enter("203.0.113.1") is replies.SERVER_BUSY
    assert entrance.open_connections == 2


def test_new_connections_are_slowed_down_a_minute_at_a_time():
    entrance, clock = door(new_connections_per_minute=2)
    for _ in range(2):
        assert entrance.enter("192.0.2.1") is None
        entrance.leave("192.0.2.1")
    assert entrance.enter("192.0.2.1") is replies.CONNECTING_TOO_FAST
    assert entrance.enter("192.0.2.2") is None
    clock.now += 60
    assert entrance.enter("192.0.2.1") is None


def test_a_door_that_all_have_left_remembers_nobody():
    entrance, _ = door()
    for address in ("192.0.2.1", "2001:db8::1", "127.0.0.1"):
        entrance.enter(address)
        entrance.leave(address)
    assert entrance.open_connections == 0
    assert not entrance._open
