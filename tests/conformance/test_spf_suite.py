"""The OpenSPF suite for RFC 7208: every case that it has."""

import ipaddress
from pathlib import Path

import pytest
import yaml

from mailserver.mail import spf
from mailserver.mail.address import Address
from mailserver.mail.spf import Kind

SUITE = Path(__file__).parents[3] / "shared/vectors/spf-openspf/test/rfc7208-tests.yml"
pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="../shared/vectors/spf-openspf is not there")
RECEIVER = "receiver.test"


def cases():
    if not SUITE.exists():
        return
    for document in yaml.safe_load_all(SUITE.read_text(encoding="latin-1")):
        zone = {name.lower().removesuffix("."): records for name, records in document["zonedata"].items()}
        for name, case in document["tests"].items():
            yield pytest.param(zone, case, id=f"{document['description']}: {name}".replace(" ", "-"))


def answer(zone, question, aliases=0):
    """What a resolver would say: aliases followed, loops an error."""
    name = question.name.lower()
    if question.kind is Kind.PTR:
        name = reverse_name(question.name)
    records = zone.get(name, [])
    found = [next(iter(each.items())) for each in records if isinstance(each, dict)]
    alias = [value for kind, value in found if kind == "CNAME"]
    if alias:
        target = spf.Question(question.kind, alias[0].lower().removesuffix("."))
        return None if aliases > 8 else answer(zone, target, aliases + 1)
    values = [value for kind, value in found if kind == question.kind.value]
    if question.kind is Kind.TXT and not values:  # policies stand as SPF records where TXT would have the same
        values = [value for kind, value in found if kind == "SPF"]
    values = [value for value in values if value != "NONE" and value != []]
    if not values and "TIMEOUT" in records:
        return None
    return tuple(octets(question.kind, value) for value in values)


def octets(kind, value):
    if kind is Kind.TXT:
        return (value if isinstance(value, str) else "".join(value)).encode("latin-1")
    if kind is Kind.MX:
        return value[0], value[1].lower().removesuffix(".")
    return value.lower().removesuffix(".")


def reverse_name(address):
    return ipaddress.ip_address(address).reverse_pointer


def evaluate(zone, address, helo, mailfrom):
    sender = None
    if mailfrom:
        local, found, domain = mailfrom.partition("@")
        sender = Address(local if found else "", (domain if found else local).lower())
    domain = helo if sender is None else sender.domain
    if not spf.is_domain(domain):
        return spf.Result(spf.Status.NONE, spf.Identity.MAILFROM)
    evaluation = spf.Evaluation(address, helo, sender, RECEIVER)
    for _ in range(200):
        found = evaluation.advance()
        if isinstance(found, spf.Result):
            return found
        evaluation.answer(found, answer(zone, found))
    raise AssertionError("more than 200 questions")


@pytest.mark.parametrize(("zone", "case"), list(cases()))
def test_a_case_of_the_suite(zone, case):
    result = evaluate(zone, case["host"], case["helo"], case["mailfrom"])
    expected = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert result.status.value in expected, result
    explanation = case.get("explanation")
    if explanation == "DEFAULT":
        assert result.explanation == ""
    elif explanation is not None and result.status is spf.Status.FAIL:
        assert result.explanation == explanation


def test_the_suite_has_all_its_cases():
    assert sum(1 for _ in cases()) == 203
