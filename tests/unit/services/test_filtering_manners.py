"""How a peer speaks SMTP gives points, and what it calls itself gives them once."""

from dataclasses import replace

import pytest

from mailserver.mail import peer_signs
from tests.support.evidence import evidence
from tests.support.inside import inside


def names(signs):
    return [sign.name if hasattr(sign, "name") else sign[0] for sign in signs]


def test_manners_give_points():
    signs = peer_signs.of_manners((peer_signs.EARLY_TALKER, peer_signs.UNAUTHORISED_PIPELINING, "helo-is-ours", "else"))
    assert names(signs) == ["EARLY_TALKER", "PIPELINED_TOO_SOON"]
    assert peer_signs.of_manners(()) == ()


@pytest.mark.parametrize(
    ("helo", "sign", "points"),
    [
        ("mx.remote.test", None, []),
        ("MX.local.test.", peer_signs.HELO_IS_OURS, ["HELO_IS_US"]),
        ("[192.0.2.1]", peer_signs.HELO_IS_ADDRESS, ["HELO_ADDRESS"]),
        ("192.0.2.1", peer_signs.HELO_IS_ADDRESS, ["HELO_ADDRESS"]),
        ("ylmf-pc", peer_signs.HELO_NOT_A_NAME, ["HELO_NO_NAME"]),
    ],
)
def test_what_a_peer_calls_itself_has_a_word_and_points(helo, sign, points):
    assert peer_signs.helo_sign(helo, "mx.local.test") == sign
    assert names(peer_signs.of_helo(helo, "mx.local.test", resolves=True)) == points


async def test_the_filter_counts_them_for_strangers_only(tmp_path):
    marked = (peer_signs.EARLY_TALKER, peer_signs.HELO_NOT_A_NAME)
    async with inside(tmp_path) as house:
        found = {}
        for address in ("203.0.113.9", "10.0.0.1"):
            asked = evidence(peer=address, helo="ylmf-pc")
            peer = replace(asked.envelope.peer, signs=marked)
            asked = replace(asked, envelope=replace(asked.envelope, peer=peer))
            assessment = await house.services.content_filter.assess(asked)
            found[address] = [reason.name for reason in assessment.reasons]
    assert found["203.0.113.9"].count("EARLY_TALKER") == 1
    assert found["203.0.113.9"].count("HELO_NO_NAME") == 1
    assert "EARLY_TALKER" not in found["10.0.0.1"]
