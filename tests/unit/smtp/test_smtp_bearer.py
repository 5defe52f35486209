import pytest

from mailserver.smtp import bearer
from mailserver.smtp.bearer import Bearer, BearerMalformed


@pytest.mark.parametrize(
    ("mechanism", "text", "expected"),
    [
        ("OAUTHBEARER", "n,a=agent@local.test,\x01auth=Bearer gent_1\x01\x01", Bearer("agent@local.test", "gent_1")),
        (
            "OAUTHBEARER", "n,a=a=2Cb=3D@local.test,\x01host=mail\x01port=587\x01auth=bearer gent_1\x01\x01",
            Bearer("a,b=@local.test", "gent_1"),
        ),
        ("OAUTHBEARER", "n,,\x01auth=Bearer gent_1\x01\x01", Bearer("", "gent_1")),
        ("OAUTHBEARER", "y,,\x01auth=Bearer gent_1\x01\x01", Bearer("", "gent_1")),
        ("XOAUTH2", "user=agent@local.test\x01auth=Bearer gent_1\x01\x01", Bearer("agent@local.test", "gent_1")),
    ],
)  # fmt: skip
def test_name_and_token_are_read(mechanism, text, expected):
    assert bearer.read(mechanism, text) == expected


@pytest.mark.parametrize(
    ("mechanism", "text"),
    [
        ("OAUTHBEARER", ""), ("OAUTHBEARER", "n,,"), ("OAUTHBEARER", "n,,\x01\x01"), ("OAUTHBEARER", "\x01"),
        ("OAUTHBEARER", "p=tls-unique,,\x01auth=Bearer x\x01\x01"), ("OAUTHBEARER", "n,b=x,\x01auth=Bearer x\x01\x01"),
        ("OAUTHBEARER", "n,,\x01auth=Basic x\x01\x01"), ("OAUTHBEARER", "n,,\x01auth=Bearer \x01\x01"),
        ("OAUTHBEARER", "n,,\x01auth=Bearer x"), ("XOAUTH2", "auth=Bearer x\x01\x01"), ("XOAUTH2", "user=x"),
        ("XOAUTH2", "user=x\x01auth=Bearer y\x01"), ("XOAUTH2", ""),
    ],
)  # fmt: skip
def test_what_has_not_its_form_is_malformed(mechanism, text):
    with pytest.raises(BearerMalformed):
        bearer.read(mechanism, text)
