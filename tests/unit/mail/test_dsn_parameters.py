"""Wishes of a sender as SMTP says them (RFC 3461 4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import dsn_parameters
from mailserver.smtp import parameters


@pytest.mark.parametrize(
    ("plain", "wire"),
    [("QQ314159", "QQ314159"), ("a b", "a+20b"), ("1+1=2", "1+2B1+3D2"), ("~!", "~!")],
)
def test_a_name_of_the_message_becomes_xtext(plain: str, wire: str) -> None:
    assert dsn_parameters.envelope_id(plain) == wire


def test_an_original_recipient_keeps_its_type() -> None:
    assert dsn_parameters.original_recipient("rfc822;b+tag@remote.test") == "rfc822;b+2Btag@remote.test"


@pytest.mark.parametrize(("given", "wire"), [("never", "NEVER"), ("Success,delay", "SUCCESS,DELAY")])
def test_notifications_are_written_in_capitals(given: str, wire: str) -> None:
    assert dsn_parameters.notify(given) == wire


@pytest.mark.parametrize("text", ["", "é", "a\r\nRSET", "x" * 101, " " * 34])
def test_what_is_no_name_of_a_message_is_refused(text: str) -> None:
    with pytest.raises(dsn_parameters.BadParameter):
        dsn_parameters.envelope_id(text)


@pytest.mark.parametrize("text", ["", "rfc822", "rfc822;", ";x", "rfc 822;x", "rfc822;é", "rfc822;" + "x" * 500])
def test_what_is_no_original_recipient_is_refused(text: str) -> None:
    with pytest.raises(dsn_parameters.BadParameter):
        dsn_parameters.original_recipient(text)


@pytest.mark.parametrize("text", ["", "NEVER,DELAY", "DELAY,DELAY", "FAILURE ", "NEVER SIZE=1", "all"])
def test_what_is_no_notification_is_refused(text: str) -> None:
    with pytest.raises(dsn_parameters.BadParameter):
        dsn_parameters.notify(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=100))
def test_whatever_is_written_is_what_our_own_server_reads(text: str) -> None:
    wire = dsn_parameters.original_recipient(f"rfc822;{text}")
    assert parameters.recipient(f"ORCPT={wire} NOTIFY=NEVER") == parameters.RecipientParameters("NEVER", wire)
