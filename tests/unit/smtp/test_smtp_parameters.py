import pytest

from mailserver.smtp import parameters
from mailserver.smtp.parameters import MailParameters, ParameterMalformed, ParameterUnknown, RecipientParameters


def mail(text, tls=True, auth=True):
    return parameters.mail(text, tls=tls, auth=auth)


def test_all_of_mails_parameters_are_read_in_any_case():
    found = mail("size=1000 Body=8bitmime SMTPUTF8 REQUIRETLS RET=hdrs ENVID=Qq+20+41 AUTH=<>")
    assert found == MailParameters(1000, "8BITMIME", True, True, "HDRS", "Qq+20+41")


@pytest.mark.parametrize(
    "text",
    [
        "SIZE",
        "SIZE=",
        "SIZE=-1",
        "SIZE=1x",
        "SIZE=٣",
        "SIZE=123456789012345678901",
        "SIZE=1 SIZE=2",
        "BODY=7",
        "BODY",
        "SMTPUTF8=1",
        "REQUIRETLS=yes",
        "RET=ALL",
        "ENVID=a=b",
        "ENVID=a+2",
        "ENVID=a+0D+0A",
        "ENVID=" + "x" * 101,
        "=x",
        "-a=b",
        "AUTH=a=b",
    ],
)
def test_a_bad_value_is_malformed(text):
    with pytest.raises(ParameterMalformed):
        mail(text)


@pytest.mark.parametrize("text", ["MT-PRIORITY=3", "X", "BY=120;R", "NOTIFY=NEVER"])
def test_a_keyword_that_was_not_offered_is_unknown(text):
    with pytest.raises(ParameterUnknown):
        mail(text)


def test_requiretls_and_auth_are_known_only_where_offered():
    with pytest.raises(ParameterUnknown):
        mail("REQUIRETLS", tls=False)
    with pytest.raises(ParameterUnknown):
        mail("AUTH=<>", auth=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("NOTIFY=never", RecipientParameters("NEVER")),
        ("NOTIFY=Success,delay", RecipientParameters("SUCCESS,DELAY")),
        ("ORCPT=rfc822;Bob+2Bx@Example.test", RecipientParameters(None, "rfc822;Bob+2Bx@Example.test")),
        (
            "ORCPT=utf-8;ü\\x{20AC}@example.test NOTIFY=FAILURE",
            RecipientParameters("FAILURE", "utf-8;ü\\x{20AC}@example.test"),
        ),
    ],
)
def test_rcpts_parameters_are_read(text, found):
    assert parameters.recipient(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "NOTIFY=",
        "NOTIFY",
        "NOTIFY=NEVER,SUCCESS",
        "NOTIFY=SUCCESS,SUCCESS",
        "NOTIFY=MAYBE",
        "ORCPT=rfc822",
        "ORCPT=rfc822;",
        "ORCPT=;x",
        "ORCPT=rfc822;a+0Ab",
        "ORCPT=rfc822;ü@x",
        "ORCPT=rfc822;" + "x" * 500,
    ],
)
def test_a_bad_recipient_parameter_is_malformed(text):
    with pytest.raises(ParameterMalformed):
        parameters.recipient(text)
