"""Search, as the API serves it: in any language, in any part of a message."""

from urllib.parse import quote

import pytest

from tests.support.served import served


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


def letter(number, subject, text, sender="Carol <carol@remote.test>", attachment=""):
    head = f"From: {sender}\r\nTo: Agent <agent@local.test>\r\nSubject: {subject}\r\n"
    head += f"Message-ID: <{number}@remote.test>\r\nMIME-Version: 1.0\r\n"
    plain = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    if not attachment:
        return f"{head}{plain}".encode()
    return (
        f"{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{plain}--b\r\nContent-Type: application/pdf\r\n"
        f'Content-Disposition: attachment; filename="{attachment}"\r\n\r\nx\r\n--b--\r\n'
    ).encode()


async def arrive(site, *letters):
    ids = [await site.house.receive(each) for each in letters]
    await site.house.settled()
    return ids


async def found(site, typed):
    answer = await site.call("GET", f"/v1/messages/?q={quote(typed)}", site.tokens["a1"])
    assert answer.status == 200, (typed, answer.content)
    assert answer.json["total"] == len(answer.json["results"])
    return [each["subject"] for each in answer.json["results"]]


async def test_each_part_of_a_message_is_found_by_its_operator(site):
    await arrive(
        site,
        letter(1, "Offer", "the price is fine", attachment="Invoice 7.pdf"),
        letter(2, "Price", "no offer here", sender="Dave <dave@other.test>"),
        letter(3, "Lunch", "price of an offer, or so"),
    )
    assert await found(site, "offer price") == ["Lunch", "Price", "Offer"]
    assert await found(site, "subject:offer") == ["Offer"]
    assert await found(site, "from:dave") == ["Price"]
    assert await found(site, "from:dave@other.test OR has:attachment") == []  # has: is no word, so both must hold
    assert await found(site, "from:other.test") == ["Price"]
    assert await found(site, "to:agent@local.test -from:dave") == ["Lunch", "Offer"]
    assert await found(site, '"price is fine"') == ["Offer"]
    assert await found(site, '"fine is price"') == []
    assert await found(site, "has:attachment") == ["Offer"]
    assert await found(site, "-has:attachment") == ["Lunch", "Price"]
    assert await found(site, "filename:invoice") == ["Offer"]
    assert await found(site, "invoice") == ["Offer"]
    assert await found(site, "lunch OR invoice") == ["Lunch", "Offer"]
    assert await found(site, "-offer") == []
    assert await found(site, "-lunch") == ["Price", "Offer"]
    assert await found(site, "pri*") == ["Lunch", "Price", "Offer"]
    assert await found(site, "after:2020-01-01 before:2099-01-01 lunch") == ["Lunch"]
    assert await found(site, "before:2020-01-01") == []
    assert await found(site, "after:tomorrow") == []
    assert await found(site, "***") == []


async def test_flags_folders_and_labels_narrow(site):
    one, two, _ = await arrive(site, *(letter(n, f"s{n}", "word") for n in range(3)))
    token = site.tokens["a1"]
    await site.call("PATCH", f"/v1/messages/{one}/", token, json={"mark_read": True, "mark_starred": True})
    await site.call("DELETE", f"/v1/messages/{two}/", token)
    label = (await site.call("POST", "/v1/labels/", token, json={"name": "Big Deal", "type": "any"})).json
    await site.call("POST", f"/v1/messages/{one}/labels/", token, json={"label_id": label["label_id"]})
    assert await found(site, "word") == ["s2", "s0"]
    assert await found(site, "is:unread") == ["s2"]
    assert await found(site, "is:read word") == ["s0"]
    assert await found(site, "is:starred") == ["s0"]
    assert await found(site, "in:trash") == ["s1"]
    assert await found(site, "in:inbox word") == ["s2", "s0"]
    assert await found(site, "in:nowhere word") == []
    assert await found(site, 'label:"Big Deal"') == ["s0"]


@pytest.mark.parametrize(
    ("text", "typed", "not_there"),
    [
        ("Grüße aus München", "munchen", "munster"),
        ("Le garçon a mangé", "garcon", "garconne"),
        ("El niño mañana", "manana", "man"),
        ("Встреча в понедельник", "понедельник", "вторник"),
        ("Συνάντηση αύριο", "συναντηση", "χθες"),
        ("פגישה מחר בבוקר", "מחר", "אתמול"),
        ("اجتماع غدا صباحا", "غدا", "أمس"),
        ("बैठक कल सुबह है", "सुबह", "शाम"),
        ("明日東京都で会議があります", "東京", "京東"),
        ("明日東京都で会議があります", "会", "社"),
        ("我们明天在北京开会", "明天", "天明"),
        ("我们明天在北京开会", "北京开会", "北京上海"),
        ("내일 서울에서 회의", "서울", "부산"),
        ("พบกันพรุ่งนี้ที่กรุงเทพ", "กรุงเทพ", "เชียงใหม่"),
        ("Spotkanie jutro w Łodzi", "jutro", "wczoraj"),
    ],
)
async def test_any_language_is_found_and_only_what_is_there(site, text, typed, not_there):
    await arrive(site, letter(1, "s", text))
    assert await found(site, typed) == ["s"]
    assert await found(site, not_there) == []
    assert await found(site, f"body:{typed}") == ["s"]
    assert await found(site, f"subject:{typed}") == []
