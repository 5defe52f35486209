"""The public ARC suite: every case that it has, of validating and of signing."""

import re
from pathlib import Path

import pytest
import yaml

from mailserver.mail import arc, arc_seal, canonical, dkim, dkim_tags

SUITE = Path(__file__).parents[3] / "shared/vectors/arc-valimail/tests"
pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="../shared/vectors/arc-valimail is not there")
SPACE = re.compile(rb"[ \t\r\n]+")


def cases(name):
    path = SUITE / name
    if not path.exists():
        return
    for document in yaml.safe_load_all(path.read_text()):
        for title, case in (document or {"tests": {}})["tests"].items():
            yield pytest.param(document, case, id=title)


def octets(text):
    return (text or "").replace("\n", "\r\n").encode()


@pytest.mark.parametrize(("document", "case"), [*cases("arc-draft-validation-tests.yml")])
def test_validation(document, case):
    raw = octets(case["message"])
    end, start = dkim.border(raw)
    inspection = arc.Arc().inspect(canonical.fields(raw[:end]), 12345)
    if inspection is None:
        assert case["cv"] == "None"
        return
    zone = {name: (text.replace("\n", "").encode(),) for name, text in document["txt-records"].items()}
    keys = {name: zone.get(name, ()) for name in inspection.questions}
    result = inspection.judge(keys, canonical.digests((raw[start:],), inspection.wanted))
    # Where the suite says nothing, a sealer has found the chain broken before: RFC 8617 5.2 step 2 calls that fail.
    assert result.status == (case["cv"] or "Fail").lower(), result.reason


def tags(text):
    return {name: SPACE.sub(b"", value) for name, value in dkim_tags.parse(text).items()} if text.strip() else None


@pytest.mark.parametrize(("document", "case"), [*cases("arc-draft-sign-tests.yml")])
def test_signing(document, case):
    raw = octets(case["message"])
    end, start = dkim.border(raw)
    key = dkim.SigningKey(
        document["domain"], document["sel"], "rsa-sha256", dkim.load_key(document["privatekey"].encode())
    )
    body = canonical.BodyHash()
    body.update(raw[start:])
    said = arc_seal.own_results(canonical.fields(raw[:end]), case["srv-id"])
    names = tuple(case["sig-headers"].encode().split(b":"))
    added = canonical.fields(arc_seal.seal(raw[:end], body.digest(), said, key, case["t"], (), names))
    found = {name: field.partition(b":")[2] for name, field in added}
    assert tags(found.get(b"arc-seal", b"")) == tags(case["AS"].encode())
    assert tags(found.get(b"arc-message-signature", b"")) == tags(case["AMS"].encode())
    squeezed = SPACE.sub(b" ", found.get(b"arc-authentication-results", b"")).strip()
    assert squeezed == SPACE.sub(b" ", case["AAR"].encode()).strip()
