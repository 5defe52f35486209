from mailserver.mail import headers, trace
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope, Peer


def envelope(helo="client.remote.test", address="192.0.2.7", *, tls=None, login=None, smtputf8=False):
    peer = Peer(address, 4711, helo, esmtp=True, tls=tls, cipher="TLS_AES_128_GCM_SHA256" if tls else None, login=login)
    return Envelope(peer, None, (), smtputf8=smtputf8)


def received(**changes):
    fields = {
        "envelope": envelope(),
        "by": "mx.local.test",
        "id": "msg_1",
        "at": 1_760_000_000.5,
        "for_": "bob@local.test",
    }
    return trace.received(**{**fields, **changes})


def test_received_says_from_by_with_id_for_and_when():
    assert received() == (
        b"Received: from client.remote.test ([192.0.2.7])\r\n\tby mx.local.test with ESMTP id msg_1\r\n"
        b"\tfor <bob@local.test>;\r\n\tThu, 09 Oct 2025 08:53:20 +0000\r\n"
    )


def test_received_names_the_cipher_and_the_ipv6_literal():
    line = received(envelope=envelope(address="2001:db8::1", tls="TLSv1.3", login="bob"))
    assert b"([IPv6:2001:db8::1])" in line
    assert b"(using TLSv1.3 with cipher TLS_AES_128_GCM_SHA256)" in line
    assert b"with ESMTPSA id" in line
    assert b"bob@" in line
    assert b"login" not in line


def test_a_hidden_client_leaves_no_trace():
    line = received(hide_client=True)
    assert b"192.0.2.7" not in line
    assert b"client.remote.test" not in line


def test_a_hostile_helo_cannot_break_out():
    line = received(envelope=envelope(helo="x\r\nBcc: eve@evil.test\r\n\r\n(;<>\x00" + "y" * 10_000))
    head, _ = headers.split(line + b"\r\n")
    assert [name for name, _ in head.fields] == [b"Received"]
    assert len(line) < 1_000
    assert b"\x00" not in line


def test_a_recipient_that_would_break_the_line_is_left_out():
    assert b"for" not in received(for_="a@b.test>\r\nX: y").partition(b";")[0]
    assert b"for" not in received(for_="jörg@b.test").partition(b";")[0]
    assert "for <jörg@b.test>".encode() in received(for_="jörg@b.test", envelope=envelope(smtputf8=True))


def test_return_path_and_delivered_to():
    assert trace.return_path(None) == b"Return-Path: <>\r\n"
    assert trace.return_path(Address("a b", "x.test")) == b'Return-Path: <"a?b"@x.test>\r\n'
    assert trace.delivered_to("Bob@Local.test") == b"Delivered-To: Bob@Local.test\r\n"


def test_hops_and_former_deliveries_are_read():
    head, _ = headers.split(
        b"Received: a\r\nReceived: b\r\nDelivered-To: Bob@local.test\r\nDelivered-To: <x@y.test>\r\n\r\n"
    )
    assert trace.hops(head) == 2
    assert trace.delivered_to_addresses(head) == {"bob@local.test", "x@y.test"}
