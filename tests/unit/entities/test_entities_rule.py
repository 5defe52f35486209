"""Which rule decides: our lookup against the plain reading of the words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.entities import rule
from mailserver.entities.rule import Direction, EntryType, ListType, Outcome, Rule, RuleScope, RuleSet

ENTRIES = ["a@x.test", "b@x.test", "a@s.x.test", "x.test", "s.x.test", ".x.test", ".test", "y.test"]
ADDRESSES = ["a@x.test", "b@x.test", "a@s.x.test", "c@t.s.x.test", "a@y.test", "z@other.example"]


def made(list_type, entry):
    normal, kind = rule.read_entry(entry)
    return Rule(1, RuleScope(1), Direction.RECEIVE, list_type, normal, kind, None, 0)


def names(one, address):
    """The plain reading: an address is itself, a domain is that domain, a dot before it means what lies below."""
    domain = address.partition("@")[2]
    if one.entry_type is EntryType.EMAIL:
        return one.entry == address
    return domain.endswith(one.entry) if one.entry[0] == "." else domain == one.entry


def plainly(scopes, address):
    for rules in scopes:
        for kind in (EntryType.EMAIL, EntryType.DOMAIN):
            hits = {one.list_type for one in rules if one.entry_type is kind and names(one, address)}
            if hits:
                return Outcome.BLOCK if ListType.BLOCK in hits else Outcome.ALLOW
        if any(one.list_type is ListType.ALLOW for one in rules):
            return Outcome.BLOCK
    return Outcome.NONE


rules = st.lists(st.builds(made, st.sampled_from(list(ListType)), st.sampled_from(ENTRIES)), max_size=5)


@given(st.lists(rules, min_size=1, max_size=3), st.sampled_from(ADDRESSES))
def test_one_address_is_judged_as_the_words_say(scopes, address):
    ruling = rule.decide([RuleSet(some) for some in scopes], [address], [address])
    assert ruling.outcome is plainly(scopes, address)
    if ruling.rule is not None:
        assert names(ruling.rule, address)
        assert ruling.rule.list_type.value == ruling.outcome.value


@given(st.lists(rules, min_size=1, max_size=3), st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3))
def test_a_message_with_an_address_that_is_blocked_by_its_scope_is_never_allowed(scopes, several):
    ruling = rule.decide([RuleSet(some) for some in scopes], several, several)
    if ruling.outcome is Outcome.ALLOW:
        scope = next(some for some in scopes if ruling.rule in some)
        allowing = [one for one in scope if one.list_type is ListType.ALLOW]
        assert all(any(names(one, address) for one in allowing) for address in several)


def test_an_allowed_envelope_does_not_carry_a_stranger_in():
    only = RuleSet([made(ListType.ALLOW, "a@x.test")])
    assert rule.decide([only], ["evil@y.test", "a@x.test"], ["evil@y.test"]).outcome is Outcome.BLOCK
    assert rule.decide([only], ["a@x.test", "bounce@y.test"], ["a@x.test"]).outcome is Outcome.ALLOW


def test_an_address_beats_its_domain():
    mixed = RuleSet([made(ListType.BLOCK, "x.test"), made(ListType.ALLOW, "a@x.test")])
    assert rule.decide([mixed], ["a@x.test"], ["a@x.test"]).outcome is Outcome.ALLOW
    assert rule.decide([mixed], ["b@x.test"], ["b@x.test"]).outcome is Outcome.BLOCK


@pytest.mark.parametrize(
    ("text", "normal", "kind"),
    [
        ("Ann@Example.COM", "ann@example.com", EntryType.EMAIL),
        ("example.com", "example.com", EntryType.DOMAIN),
        ("@example.com", "example.com", EntryType.DOMAIN),
        ("*@example.com", "example.com", EntryType.DOMAIN),
        (" *.Example.com ", ".example.com", EntryType.DOMAIN),
        (".example.com.", ".example.com", EntryType.DOMAIN),
        ("bücher.example", "xn--bcher-kva.example", EntryType.DOMAIN),
    ],
)
def test_entries_are_read_into_one_form(text, normal, kind):
    assert rule.read_entry(text) == (normal, kind)
    assert rule.read_entry(normal) == (normal, kind)


@pytest.mark.parametrize(
    "text", ["", " ", "localhost", "a b@x.test", "@", "*", "*.", "a@b@", "x..test", "-", "x" * 400]
)
def test_what_is_neither_address_nor_domain_is_refused(text):
    with pytest.raises(rule.BadEntry):
        rule.read_entry(text)
