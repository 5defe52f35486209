"""RFC 8291: the example of its appendix A, and keys that are none."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mailserver.mail import web_push

PLAIN = b"When I grow up, I want to be a watermelon"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7"
    "A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_example_of_the_standard_comes_out_octet_for_octet():
    key = ec.derive_private_key(int.from_bytes(octets(SENDER), "big"), ec.SECP256R1())
    point, secret = web_push.read_point(POINT), web_push.read_secret(SECRET)
    assert web_push.encrypt(PLAIN, point, secret, key, octets(SALT)) == octets(BODY)


def test_no_two_messages_share_key_or_salt():
    point, secret = web_push.read_point(POINT), web_push.read_secret(SECRET)
    first, second = (web_push.encrypt(PLAIN, point, secret) for _ in range(2))
    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]


def test_a_message_is_as_long_as_one_record_takes():
    point, secret = web_push.read_point(POINT), web_push.read_secret(SECRET)
    assert len(web_push.encrypt(b"x" * web_push.LONGEST, point, secret)) == 4096
    with pytest.raises(ValueError, match="at most"):
        web_push.encrypt(b"x" * (web_push.LONGEST + 1), point, secret)


@pytest.mark.parametrize("text", ["", "AAAA", POINT[:-4], POINT.replace("C", "D"), "!" * 87, "é" * 87, POINT + "AAAA"])
def test_a_public_key_that_is_none_is_refused(text):
    with pytest.raises(web_push.BadKey):
        web_push.read_point(text)


@pytest.mark.parametrize("text", ["", "AAAA", SECRET + "AAAA", "!" * 22])
def test_a_secret_that_is_none_is_refused(text):
    with pytest.raises(web_push.BadKey):
        web_push.read_secret(text)


def test_keys_may_be_padded_as_some_clients_pad_them():
    assert web_push.read_secret(SECRET + "==") == octets(SECRET)
