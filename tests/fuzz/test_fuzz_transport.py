"""Whatever bytes another domain publishes about its mail's way end in a value or in a refusal with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import mtasts, tlsa
from mailserver.mail.mtasts import PolicyInvalid
from mailserver.mail.resolver import Tlsa
from mailserver.mail.tlsa import Mismatch

LINES = st.sampled_from(
    [
        "version: STSv1",
        "mode: enforce",
        "mode: none",
        "mx: a.test",
        "mx: *.b.test",
        "max_age: 86400",
        "max_age: x",
        ":",
        "",
    ]
)
POLICIES = st.one_of(st.binary(max_size=2000), st.lists(LINES, max_size=12).map(lambda rows: "\n".join(rows).encode()))
RECORDS = st.builds(Tlsa, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=70))


@given(POLICIES)
def test_a_policy_is_read_or_refused(body):
    try:
        policy = mtasts.parse(body)
    except PolicyInvalid:
        return
    assert mtasts.parse(mtasts.write(policy)) == policy
    mtasts.lines(body)


@given(st.lists(st.one_of(st.binary(max_size=300), st.just(b"v=STSv1; id=1;")), max_size=4))
def test_a_record_has_an_id_or_none(records):
    found = mtasts.policy_id(records)
    assert found is None or (found.isalnum() and len(found) <= 32)


@given(st.lists(RECORDS, max_size=5), st.lists(st.binary(max_size=300), max_size=4))
def test_bytes_that_are_no_certificates_match_nothing(records, chain):
    with pytest.raises(Mismatch):
        tlsa.verify(tlsa.usable(records), chain, ("mx.good.test",))
