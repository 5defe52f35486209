"""Counting lately, in bounded memory."""

from mailserver.services.accounts.tally import BUCKETS, Tally


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_what_happened_within_the_period_counts():
    clock = Time()
    tally = Tally(600, clock)
    assert [tally.add("a"), tally.add("a", 3), tally.add("b")] == [1, 4, 1]
    clock.now += 599
    assert tally.count("a") == 4
    assert tally.add("a") == 5


def test_what_happened_before_it_falls_off_in_parts():
    clock = Time()
    tally = Tally(600, clock)
    for _ in range(6):
        tally.add("a")
        clock.now += 100
    assert tally.count("a") == 6
    clock.now += 200
    assert 3 <= tally.count("a") <= 5
    clock.now += 700
    assert tally.count("a") == 0
    assert len(tally) == 0


def test_a_long_silence_forgets_everything_at_once():
    clock = Time()
    tally = Tally(1, clock)
    tally.add("a")
    clock.now += 10**9
    assert tally.count("a") == 0
    assert tally.add("a") == 1


def test_any_number_of_keys_takes_bounded_memory():
    clock = Time()
    tally = Tally(600, clock, most_keys=700)
    for number in range(100_000):
        tally.add(number)
    assert len(tally) <= 700 + BUCKETS + 1
    assert tally.count(99_999) == 1
    assert tally.count(0) == 0


def test_one_key_stays_where_others_do_not_come():
    clock = Time()
    tally = Tally(600, clock, most_keys=70)
    for _ in range(1000):
        tally.add("a")
    assert tally.count("a") == 1000
