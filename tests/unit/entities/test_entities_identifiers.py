"""Ids: they sort as they were made, and nothing else reads as one."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.entities import identifiers
from mailserver.entities.identifiers import BadIdentifier, IdSource, Kind


@given(st.integers(0, identifiers.LARGEST), st.integers(0, identifiers.LARGEST), st.sampled_from(list(Kind)))
def test_text_and_number_are_one_and_sort_alike(one, other, kind):
    first, second = identifiers.encode(kind, one), identifiers.encode(kind, other)
    assert identifiers.decode(kind, first) == one
    assert (first < second) == (one < other)


@given(st.text(max_size=20))
def test_nothing_else_is_an_id(text):
    for candidate in (text, f"msg_{text}", f"msg_{text[:13]:0<13}"):
        try:
            number = identifiers.decode(Kind.MESSAGE, candidate)
        except BadIdentifier:
            continue
        assert identifiers.encode(Kind.MESSAGE, number) == candidate


@pytest.mark.parametrize(
    "text",
    ["", "msg_", "thr_0SA02EZYM0000", "msg_0sa02ezym0000", "MSG_0SA02EZYM0000", "msg_ZZZZZZZZZZZZZ",
     "msg_0SA02EZYM000\u0660"],
)  # fmt: skip
def test_near_misses_are_refused(text):
    with pytest.raises(BadIdentifier):
        identifiers.decode(Kind.MESSAGE, text)


def test_ids_grow_whatever_the_clock_does():
    moments = iter([2e9, 2e9, 1e9, 1e9, 2e9 + 1] + [2e9 + 1] * 100_000)
    source = IdSource(clock=lambda: next(moments))
    made = [source.next() for _ in range(80_000)]
    assert made == sorted(set(made))


def test_a_floor_is_never_reached_again():
    floor = IdSource(clock=lambda: 2e9).next()
    source = IdSource(floor=floor, clock=lambda: 1e9)
    assert source.next() > floor
    source.raise_floor(floor + (1 << 40))
    assert source.next() > floor + (1 << 40)


def test_nodes_and_threads_never_make_the_same():
    sources = [IdSource(node, clock=lambda: 2e9) for node in (0, 63)]
    made = []

    def work(source):
        made.extend([source.next() for _ in range(5000)])

    threads = [threading.Thread(target=work, args=(source,)) for source in sources for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 30_000
    assert identifiers.created_ms(made[0]) >= 2e12
