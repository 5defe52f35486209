"""What the commands about certificates print, and how they end."""

import json

import pytest
from click.testing import CliRunner

from mailserver.certificates.acme.revocation import Reason
from mailserver.cli import exits
from mailserver.cli.certificates import REASONS, cert

AT = 1_800_000_000_000
STATE = {
    "name": "mail.local.test", "names": ["mail.local.test"], "left_out": [], "source": "acme", "issuer": "An authority",
    "not_before_at": AT, "not_after_at": AT, "renew_at": AT, "last_attempt_at": AT, "last_error": "",
    "next_attempt_at": None, "next_tlsa": "", "next_key_at": None, "serial": "0abc", "earlier": [], "revoked_for": "",
}  # fmt: skip
CHANGED = {"name": "mail.local.test", "state": STATE, "publish": "", "remove": []}
REVOKED = {
    "changed": CHANGED, "serials": ["0abc"], "reason": "key-compromise", "is_done": True, "error": "",
    "is_refused": False,
}  # fmt: skip


class Operator:
    """Answers a verb, and keeps what it was asked."""

    def __init__(self, answer, *, as_json=False):
        self.answer, self.as_json, self.asked = answer, as_json, []

    def run(self, verb, **arguments):
        self.asked.append((verb, arguments))
        return self.answer


def run(answer, *arguments, as_json=False):
    operator = Operator(answer, as_json=as_json)
    done = CliRunner().invoke(cert, arguments, obj=operator)
    return done, operator.asked


def test_the_reasons_are_those_that_the_authority_is_told():
    assert [*REASONS] == [one.value for one in Reason]


def test_nothing_is_revoked_without_yes():
    done, asked = run(REVOKED, "revoke", "mail.local.test")
    assert (done.exit_code, asked) == (exits.USAGE, [])


@pytest.mark.parametrize(
    ("answer", "state", "code", "words"),
    [
        ({}, {}, exits.OK, "revoked: 0abc (key-compromise)"),
        ({"is_done": False, "error": "no answer"}, {}, exits.UNAVAILABLE, "not revoked yet, asked for again"),
        ({"is_done": False, "error": "no answer"}, {"last_error": "no answer"}, exits.UNAVAILABLE, "no answer"),
        ({"is_done": False, "is_refused": True, "error": "never"}, {}, exits.CHECK_FAILED, "the authority: never"),
        ({}, {"last_error": "too many"}, exits.CHECK_FAILED, "too many"),
        ({}, {"revoked_for": "key-compromise"}, exits.CHECK_FAILED, "to be replaced: it is revoked, or about to be"),
    ],
)
def test_a_revocation_says_what_became_of_it(answer, state, code, words):
    changed = {
        **CHANGED,
        "state": {**STATE, **state},
        "publish": "ours IN TLSA 3 1 1 AA",
        "remove": ["ours IN TLSA BB"],
    }
    done, asked = run(
        {**REVOKED, **answer, "changed": changed}, "revoke", "mail.local.test", "--serial", "0abc", "--reason",
        "key-compromise", "--yes",
    )  # fmt: skip
    assert done.exit_code == code
    assert words in done.stdout
    assert "publish, where you have TLSA records: ours IN TLSA 3 1 1 AA\n" in done.stdout
    assert "take away: ours IN TLSA BB\n" in done.stdout
    wish = {"name": "mail.local.test", "serial": "0abc", "reason": "key-compromise"}
    assert asked == [("cert.revoke", wish)]


def test_what_has_gone_with_its_revocation_is_said_to_have_gone():
    done, _ = run({**REVOKED, "changed": {**CHANGED, "state": None}}, "revoke", "@local.test", "--yes")
    assert done.exit_code == exits.OK
    assert "nothing is served in its place" in done.stdout


def test_a_change_of_keys_says_what_it_waits_for_or_what_to_take_away():
    waiting = {**STATE, "next_tlsa": "ours IN TLSA 3 1 1 AA"}
    done, asked = run({**CHANGED, "state": waiting, "publish": waiting["next_tlsa"]}, "rekey", "mail.local.test")
    assert done.exit_code == exits.OK
    assert done.stdout.count("ours IN TLSA 3 1 1 AA") == 1
    assert "the server has not seen it in DNS yet" in done.stdout
    assert asked == [("cert.rekey", {"name": "mail.local.test", "at_once": False, "cancel": False})]
    done, _ = run({**CHANGED, "state": {**waiting, "next_key_at": AT}}, "rekey", "mail.local.test")
    assert "it is there; the key changes 2027-01-15 08:00 UTC" in done.stdout
    earlier = [{"serial": "0def", "not_after_at": AT}]
    answer = {**CHANGED, "state": {**STATE, "earlier": earlier}, "publish": "new", "remove": ["old"]}
    done, _ = run(answer, "rekey", "mail.local.test", "--now")
    for line in ("    before it: serial 0def, until 2027-01-15\n", "records: new\n", "    take away: old\n"):
        assert line in done.stdout
    done, asked = run(answer, "rekey", "mail.local.test", "--now", "--cancel")
    assert (done.exit_code, asked) == (exits.USAGE, [])


def test_a_refusal_ends_a_change_of_keys_with_another_code():
    answer = {**CHANGED, "state": {**STATE, "last_error": "no"}}
    assert run(answer, "rekey", "mail.local.test")[0].exit_code == exits.CHECK_FAILED


def test_the_account_is_told_by_its_address_and_documents_are_whole():
    done, asked = run({"account": "https://ca.test/acct/0"}, "account", "rekey")
    assert done.stdout == "The account https://ca.test/acct/0 has a new key.\n"
    assert asked == [("cert.account.rekey", {})]
    done, _ = run(REVOKED, "revoke", "mail.local.test", "--yes", as_json=True)
    assert json.loads(done.stdout) == REVOKED
    done, _ = run(CHANGED, "rekey", "mail.local.test", as_json=True)
    assert json.loads(done.stdout) == CHANGED
