import pytest
from authres import AuthenticationResultsHeader

from mailserver.mail import dkim, dmarc, iprev, results, spf
from mailserver.mail.authentication import Report
from mailserver.mail.dmarc_record import Policy
from mailserver.mail.results import Claim
from tests.support import cost

OURS = "mx.local.test"


def unfolded(field):
    return field.decode().replace("\r\n", "").replace("\t", " ")


def report(**changed):
    values = {
        "spf": spf.Result(spf.Status.PASS, spf.Identity.MAILFROM, "remote.test", "bob@remote.test"),
        "helo_spf": spf.Result(spf.Status.NONE, spf.Identity.HELO, "mx.remote.test"),
        "dkim": (
            dkim.Result(dkim.Status.PASS, "remote.test", "sel", "rsa-sha256", "", "@remote.test", signature="AbCd/+12"),
        ),
        "dmarc": dmarc.Result(dmarc.Status.PASS, "remote.test", "remote.test", Policy("reject")),
        "iprev": iprev.Result(iprev.Status.PASS, "192.0.2.7", "mx.remote.test"),
    }
    return Report(**{**values, **changed})


def test_the_field_looks_like_this():
    assert report().field(OURS) == (
        b"Authentication-Results: mx.local.test;\r\n"
        b"\tspf=pass smtp.mailfrom=bob@remote.test;\r\n"
        b"\tdkim=pass header.d=remote.test header.s=sel header.a=rsa-sha256\r\n"
        b"\t header.b=AbCd/+12;\r\n"
        b"\tdmarc=pass header.from=remote.test policy.dmarc=none;\r\n"
        b"\tiprev=pass policy.iprev=192.0.2.7\r\n"
    )


HOSTILE = [
    'a"b\\c', "x;dkim=pass header.d=bank.test", "x\r\nX-Spam: no", "x\x00y\x7f", "(comment", 'a b"@remote.test',
    "", "=?utf-8?q?x?=", "jos\u00e9", "\u202e", "x" * 5_000, "a\tb",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_outside_gets_out_of_its_place(text):
    sender = spf.Result(spf.Status.FAIL, spf.Identity.MAILFROM, "remote.test", f"{text}@remote.test", text)
    signature = dkim.Result(dkim.Status.FAIL, text, text, "rsa-sha256", text, f"{text}@x", signature=text)
    field = report(spf=sender, dkim=(signature,)).field(OURS)
    assert field.count(b"\r\n") == field.count(b"\n") == field.count(b"\r")
    assert all(line[:1] == b"\t" for line in field.split(b"\r\n")[1:-1])
    assert not set(field) & (set(range(32)) - {9, 10, 13} | {127})
    read = results.parse(field.partition(b":")[2])
    assert read.authserv_id == OURS
    assert not read.defect
    assert [(each.method, each.result) for each in read.claims] == [
        ("spf", "fail"), ("dkim", "fail"), ("dmarc", "pass"), ("iprev", "pass"),
    ]  # fmt: skip
    assert read.claims[2].value("header.from") == "remote.test"
    if text.isascii():  # authres knows nothing beyond ASCII
        theirs = AuthenticationResultsHeader.parse(unfolded(field))
        assert [(each.method, each.result) for each in theirs.results] == [
            (each.method, each.result) for each in read.claims
        ]


def test_what_we_write_we_read_back():
    claims = (
        Claim("dkim", "fail", (("header.d", "x.test"), ("header.i", '"a b"@x.test')), 'the "body"; changed'),
        Claim("arc", "none"),
        Claim("dmarc", "pass", (("header.from", "x.test"),)),
    )
    assert results.parse(results.field(OURS, claims).partition(b":")[2]).claims == claims


def test_nothing_to_say_is_said():
    assert results.field(OURS, ()) == b"Authentication-Results: mx.local.test; none\r\n"
    assert results.parse(b" mx.local.test; none") == results.Parsed(OURS)


@pytest.mark.parametrize(
    "value",
    [
        b" mx.local.test; spf=pass", b"MX.Local.Test;", b" mx.local.test 1; none", b"\r\n mx.local.test;x",
        b" (c) mx.local.test (d) 1; x", b' "mx.local.test"; x', b' "mx\\.local.test" 1;', b" mx.local.test.; x",
        b" mx.local.test/1; x", b" mx.local.test", b' "mx.local.test; x', b" (a(b)c)\r\n\tmx.local.test\t; x",
        b" mx.local.test@x;", b" mx . local . test; x", b"mx.local.test=x", b"(" * 99_000 + b"mx.local.test",
        b" <mx.local.test>;", b' "" mx.local.test; x', b" (\\)) mx.local.test; x", b"mx.local.test\xff;",
        b' " mx.local.test "; x', b" (open mx.local.test; spf=pass",
    ],
)  # fmt: skip
def test_whatever_claims_our_name_is_found_out(value):
    assert results.claims(value, OURS)
    assert results.claims(value, "MX.local.test.")


@pytest.mark.parametrize(
    "value",
    [
        b" mx.local.test.evil.test; spf=pass", b" amx.local.test;x",
        b" other.test; spf=pass smtp.mailfrom=mx.local.test",
        b" mx.local.test-x;", b"", b";;;", b" local.test; x", b" (mx.local.test) other.test; x", b"mx.local.tests",
        b" other.test 1; arc=pass (mx.local.test)",
    ],
)  # fmt: skip
def test_other_servers_results_are_left_alone(value):
    assert not results.claims(value, OURS)


def test_our_fields_are_taken_out_and_nothing_else():
    block = (
        b"Received: x\r\n"
        b"authentication-results : MX.local.test 1;\r\n dkim=pass\r\n\theader.d=bank.test\r\n"
        b"Subject: Authentication-Results: mx.local.test; spf=pass\r\n"
        b"Authentication-Results: other.test; spf=pass\r\n"
        b"X-Authentication-Results: mx.local.test; spf=pass\r\n"
        b"ARC-Authentication-Results: i=1; mx.local.test; spf=pass\r\n"
        b"broken line\r\n"
        b"Authentication-Results:\r\n mx.local.test; spf=pass\r\n"
        b"To: y\r\n"
    )
    assert results.without_ours(block, OURS) == (
        b"Received: x\r\n"
        b"Subject: Authentication-Results: mx.local.test; spf=pass\r\n"
        b"Authentication-Results: other.test; spf=pass\r\n"
        b"X-Authentication-Results: mx.local.test; spf=pass\r\n"
        b"ARC-Authentication-Results: i=1; mx.local.test; spf=pass\r\n"
        b"broken line\r\n"
        b"To: y\r\n"
    )
    assert results.without_ours(b"A: b\r\n", OURS) == b"A: b\r\n"
    assert results.without_ours(b"Authentication-Results: mx.local.test; none", OURS) == b""


def test_a_thousand_forged_fields_are_taken_out_in_time():
    block = b"Authentication-Results: (x) mx.local.test; spf=pass\r\n" * 2_400
    assert results.without_ours(block, OURS) == b""
    assert cost.seconds(results.without_ours, block, OURS) < 0.1


def test_foreign_fields_are_read():
    read = results.parse(
        b' mx.test 1; dkim=pass (good; "x) reason="a;b" header.d=x.test header.i="a b"@x.test;\r\n'
        b'\tspf/1 = fail smtp.mailfrom="q\\"w"@y.test ; arc=none; dmarc=pass header . from=z; '
    )
    assert read.authserv_id == "mx.test"
    assert [each.method for each in read.claims] == ["dkim", "spf", "arc", "dmarc"]
    assert read.claims[0].reason == "a;b"
    assert read.claims[0].value("header.i") == '"a b"@x.test'
    assert read.claims[3].value("header.from") == "z"
    assert read.claims[3].value("header.d") == ""


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b";", b"(", b'"', b"\\", b"x;=", b"x; a", b"x; a=", b"x; =b", b'x; a=b c.d="', b"x; a=b c.d=(",
        b"\xff",
        b"x; a=b " + b"c.d=e " * 9_000, b'"' * 60_000, b";" * 60_000, b"(" * 60_000, b"x;" + b"a=b;" * 9_000,
        b"x; a=b c.d=" + b"\\" * 60_000, b"x" * 100_000,
    ],
)  # fmt: skip
def test_nothing_makes_the_reading_fail_or_last(value):
    assert len(results.parse(value).claims) <= results.MAX_CLAIMS
    assert cost.seconds(results.parse, value) < 0.05
    assert cost.seconds(results.claims, value, OURS) < 0.05


@pytest.mark.parametrize(
    ("pointers", "forward", "expected"),
    [
        (("a.test",), {"a.test": ("192.0.2.7",)}, "pass"),
        (("a.test", "b.test"), {"a.test": (), "b.test": ("192.0.2.7",)}, "pass"),
        (("a.test",), {"a.test": ("192.0.2.8",)}, "fail"),
        (("a.test",), {"a.test": ()}, "fail"),
        (("a.test",), {"a.test": None}, "temperror"),
        (("a.test", "b.test"), {"a.test": None, "b.test": ("192.0.2.7",)}, "pass"),
        (None, {}, "temperror"),
        ((), {}, "permerror"),
        (tuple(f"n{n}.test" for n in range(100)), {f"n{n}.test": ("192.0.2.7",) for n in range(50, 100)}, "temperror"),
    ],
)
def test_the_name_of_an_address_has_to_know_it(pointers, forward, expected):
    assert iprev.judge("192.0.2.7", pointers, forward).status == expected


def test_addresses_compare_in_their_shortest_form():
    assert iprev.plain("::ffff:192.0.2.7") == "192.0.2.7"
    assert iprev.plain("fe80::1%eth0") == "fe80::1"
    assert iprev.judge("2001:db8:0::1", ("a.test",), {"a.test": ("2001:DB8::1",)}).status == "pass"
