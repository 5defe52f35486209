"""What a chain that comes with a message changes in what is done with it."""

import json

import pytest

from mailserver.entities import errors
from mailserver.mail import arc_seal, canonical, dkim, headers, results
from mailserver.mail.results import Claim
from mailserver.storage import files
from tests.support.inside import inside
from tests.support.zone import FAILS, FakeResolver

PEM, PUBLIC = dkim.generate("ed25519-sha256")
KEY = dkim.SigningKey("list.test", "s", "ed25519-sha256", dkim.load_key(PEM))
NAMES = {
    "strict.test": ["v=spf1 -all"], "_dmarc.strict.test": ["v=DMARC1; p=reject"],
    "careful.test": ["v=spf1 -all"], "_dmarc.careful.test": ["v=DMARC1; p=quarantine"],
    "s._domainkey.list.test": [dkim.record(PUBLIC)],
}  # fmt: skip


def message(author="strict.test", said="pass"):
    """Mail of an author with a strict domain, as a list sends it on and seals it."""
    raw = (
        f"From: a@{author}\r\nTo: agent@local.test\r\nSubject: [list] Hello\r\nMessage-ID: <1@{author}>\r\n"
        "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nHello, about tomorrow.\r\n"
    ).encode()
    end, start = dkim.border(raw)
    block = results.field("list.test", [Claim("dmarc", said, (("header.from", author),))]) + raw[:end]
    body = canonical.BodyHash()
    body.update(raw[start:])
    return (
        arc_seal.seal(block, body.digest(), arc_seal.own_results(canonical.fields(block), "list.test"), KEY, 1)
        + raw
    )  # fmt: skip


class Counted:
    """Keeps what the reports to the authors' domains would say."""

    def __init__(self):
        self.rows = []

    def dmarc(self, envelope, report, disposition, reason):
        self.rows.append((report.dmarc.domain, disposition, reason))


async def received(directory, raw, trusted=("list.test",), texts=NAMES):
    """Where it lies and what its verdict is, or how it was refused; and what was counted."""
    resolver = FakeResolver(txt=dict(texts), hosts={"list.test": ["203.0.113.9"]})
    async with inside(directory, resolver=resolver, authentication={"trusted_sealers": list(trusted)}) as house:
        counted = Counted()
        house.services.reception._judge._collector = counted
        try:
            await house.receive(raw, sender="bounces@list.test")
        except errors.MessageRefused as refusal:
            return type(refusal), counted.rows, None
        await house.settled()
        ((role, inbox_id, number, body),) = await house.rows(
            "SELECT f.role, m.inbox_id, m.id, v.body FROM message m JOIN placement p ON p.message_id = m.id "
            "JOIN folder f ON f.id = p.folder_id JOIN verdict v ON v.message_id = m.id"
        )
        head = headers.split(house.store.files.read(files.location(inbox_id, number)))[0]
        return role, counted.rows, (json.loads(body)["authentication"]["arc"], head)


async def test_a_trusted_list_brings_mail_of_a_strict_domain_in_and_the_reason_is_counted(tmp_path):
    role, counted, (shown, head) = await received(tmp_path, message())
    assert role == "inbox"
    assert counted == [("strict.test", "none", "trusted_forwarder")]
    assert (shown["result"], shown["sealers"][0]["domain"]) == ("pass", "list.test")
    assert shown["sealers"][0]["said"] == {"dmarc": "pass"}
    assert b"arc=pass header.oldest-pass=0" in head.first("authentication-results")


async def test_the_same_from_a_list_that_nobody_named_is_refused(tmp_path):
    role, counted, _ = await received(tmp_path, message(), trusted=())
    assert role is errors.FailsDmarc
    assert counted == [("strict.test", "reject", "")]


@pytest.mark.parametrize(
    "raw", [message(said="fail"), message().replace(b"Hello, about", b"Pay me"), b"From: x@strict.test\r\n" + message()]
)
async def test_a_chain_that_does_not_say_so_changes_nothing(tmp_path, raw):
    role, _, _ = await received(tmp_path, raw)
    assert role is errors.FailsDmarc


async def test_quarantine_is_outweighed_too(tmp_path):
    role, counted, _ = await received(tmp_path, message("careful.test"))
    assert (role, counted) == ("inbox", [("careful.test", "none", "trusted_forwarder")])


async def test_a_silent_dns_makes_a_temporary_failure_of_it(tmp_path):
    texts = NAMES | {"s._domainkey.list.test": FAILS, "_dmarc.strict.test": ["v=DMARC1; p=none"]}
    role, _, (shown, head) = await received(tmp_path, message(), texts=texts)
    assert role == "inbox"
    assert shown["result"] == "fail"
    assert b"arc=temperror" in head.first("authentication-results")
