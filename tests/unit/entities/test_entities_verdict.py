"""How reasons add up."""

import orjson

from mailserver.entities import verdict
from mailserver.entities.verdict import Action, Reason, Thresholds

LIMITS = Thresholds()


def reason(score, name="SOME"):
    return Reason(name, score, "Some reason.")


def test_the_score_decides_and_a_scanner_may_ask_for_more():
    assert verdict.assess((reason(4.9),), LIMITS).action is Action.NONE
    assert verdict.assess((reason(6), reason(-1)), LIMITS).action is Action.JUNK
    assert verdict.assess((reason(15),), LIMITS).action is Action.REJECT
    assert verdict.assess((reason(1000),), Thresholds(reject=None)).action is Action.JUNK
    assert verdict.assess((reason(1),), LIMITS, Action.REJECT).action is Action.REJECT
    assert verdict.assess((), LIMITS).action is Action.NONE


def test_what_one_inbox_knows_is_not_told_to_another():
    whole = verdict.assess((reason(3, "COMMON"),), LIMITS)
    whole = verdict.replace(whole, own=((1, reason(4, "MINE")), (2, reason(-2, "THEIRS"))))
    assert whole.action is Action.NONE
    mine, theirs, others = whole.for_inbox(1), whole.for_inbox(2), whole.for_inbox(3)
    assert (mine.score, mine.action, {one.name for one in mine.reasons}) == (7, Action.JUNK, {"COMMON", "MINE"})
    assert (theirs.score, theirs.action) == (1, Action.NONE)
    assert (others.score, others.own) == (3, ())
    assert mine.own == ()
    assert b"MINE" not in whole.header()


def test_one_inbox_of_several_cannot_refuse_for_all():
    whole = verdict.replace(verdict.assess((reason(12),), LIMITS), own=((1, reason(4)),))
    assert whole.for_inbox(1).action is Action.JUNK


def test_the_json_is_whole_and_the_weightiest_stands_first():
    found = verdict.assess((reason(0.5, "SMALL"), reason(-3, "GOOD"), reason(1.234, "MIDDLE")), LIMITS)
    read = orjson.loads(orjson.dumps(found.as_json()))
    assert read["action"] == "none"
    assert read["required"] == 5.0
    assert [one["name"] for one in read["reasons"]] == ["GOOD", "MIDDLE", "SMALL"]
    assert read["reasons"][1] == {"name": "MIDDLE", "score": 1.23, "detail": "Some reason."}
    assert found.header().startswith(b"X-Spam-Status: No, score=-1.3 required=5.0 tests=GOOD=-3.0,MIDDLE=1.2,")
