import time

import pytest

from mailserver.mail import mtasts
from mailserver.mail.mtasts import Mode, Policy, PolicyInvalid

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.a.test\r\nmx: *.B.test\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1 ; id=a1 ; other=thing ;"], "a1"),
        ([b"v=STSv1; other=thing; id=a1"], "a1"),
        ([b"v=spf1 -all", b"v=STSv1; id=1;"], "1"),
        ([], None),
        ([b"v=STSv1; id=1;", b"v=STSv1; id=2;"], None),  # RFC 8461 3.1: not exactly one
        ([b"v=STSv1;"], None),
        ([b"v=STSv1; id=;"], None),
        ([b"v=STSv1; id=1; id=2"], None),
        ([b"v=STSv1; id=" + b"1" * 33], None),
        ([b"v=STSv1; id=a-b"], None),
        ([b"v=STSv2; id=1;"], None),
        ([b" v=STSv1; id=1;"], None),
        ([b"v=STSv1; id=1; \xff=2"], None),
    ],
)
def test_the_record_that_announces_a_policy(records, found):
    assert mtasts.policy_id(records) == found


def test_a_policy_is_read():
    assert mtasts.parse(GOOD) == Policy(Mode.ENFORCE, ("mail.a.test", "*.b.test"), 604800)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (b"version: STSv1\nmode: none\nmax_age: 0\n", Policy(Mode.NONE, (), 0)),
        (b"mx: a.test\nmax_age:1\n mode:testing \nversion:STSv1", Policy(Mode.TESTING, ("a.test",), 1)),
        (GOOD + b"colour: blue\r\n\r\n", Policy(Mode.ENFORCE, ("mail.a.test", "*.b.test"), 604800)),
        (GOOD + b"mode: none\r\n", Policy(Mode.ENFORCE, ("mail.a.test", "*.b.test"), 604800)),  # the first counts
        (GOOD.replace(b"604800", b"9999999999"), Policy(Mode.ENFORCE, ("mail.a.test", "*.b.test"), 31_557_600)),
    ],
)
def test_what_a_policy_may_look_like(text, policy):
    assert mtasts.parse(text) == policy


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "version"),
        (GOOD.replace(b"STSv1", b"STSv2"), "version"),
        (GOOD.replace(b"enforce", b"maybe"), "mode"),
        (GOOD.replace(b"mode: enforce\r\n", b""), "mode"),
        (GOOD.replace(b"604800", b"-1"), "max_age"),
        (GOOD.replace(b"604800", b"12345678901"), "max_age"),
        (GOOD.replace(b"604800", "٣".encode()), "max_age"),
        (b"version: STSv1\nmode: enforce\nmax_age: 1\n", "names no mx"),
        (GOOD.replace(b"mail.a.test", b"mail..test"), "no host name"),
        (GOOD.replace(b"mail.a.test", b"a.*.test"), "no host name"),
        (GOOD.replace(b"mail.a.test", b"*"), "no host name"),
        (GOOD + b"nonsense\r\n", "name: value"),
        (GOOD + b"<html>: yes\r\n", "name: value"),
        (GOOD + b"x: \xff\r\n", "UTF-8"),
        (GOOD + b"x: " + b"y" * 65_536, "longer"),
        (GOOD + b"mx: a.test\r\n" * 200, "more than 200"),
    ],
)
def test_what_is_no_policy_says_why(text, sentence):
    with pytest.raises(PolicyInvalid, match=sentence):
        mtasts.parse(text)


@pytest.mark.parametrize(
    "text", [b"a" * 65_000, b"a:" + b" " * 65_000 + b"b", b": " * 32_000, b"mx: " + b"a." * 32_000, b"\n" * 65_000]
)
def test_hostile_policies_cost_little(text):
    started_at = time.process_time()
    with pytest.raises(PolicyInvalid):
        mtasts.parse(text)
    mtasts.policy_id([text])
    assert time.process_time() - started_at < 1  # of our own: others may want the processor


@pytest.mark.parametrize(
    ("host", "matches"),
    [
        ("mail.a.test", True), ("MAIL.A.TEST.", True), ("x.b.test", True), ("b.test", False), ("x.y.b.test", False),
        ("a.test", False), ("xb.test", False), ("test", False), ("", False),
    ],
)  # fmt: skip
def test_a_wildcard_stands_for_one_label(host, matches):
    assert mtasts.matches(("mail.a.test", "*.b.test"), host) is matches


def test_what_is_written_can_be_read_and_its_id_changes_with_it():
    ours = Policy(Mode.TESTING, ("mail.local.test",), 604_800)
    assert mtasts.parse(mtasts.write(ours)) == ours
    records = {
        mtasts.record(one)
        for one in (ours, Policy(Mode.ENFORCE, ours.hosts, 604_800), Policy(Mode.TESTING, ("b.test",), 604_800))
    }
    assert len(records) == 3
    assert mtasts.policy_id([mtasts.record(ours).encode()]) is not None
    assert mtasts.record(ours) == mtasts.record(ours)
    assert mtasts.lines(mtasts.write(ours)) == (
        "version: STSv1", "mode: testing", "mx: mail.local.test", "max_age: 604800",
    )  # fmt: skip
