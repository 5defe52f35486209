"""Labels and contacts, as the API serves them."""

import asyncio

import aiohttp
import pytest

from mailserver.entities import identifiers
from mailserver.entities.contact import Card
from mailserver.entities.identifiers import Kind
from mailserver.storage import contacts
from tests.support.served import served


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def letter(site, subject=b"s"):
    text = await site.house.receive(
        b"From: x@remote.test\r\nTo: agent@local.test\r\nSubject: %s\r\n\r\nx\r\n" % subject
    )
    await site.house.settled()
    return text, (await call(site, "GET", f"/v1/messages/{text}/"))["thread_id"]


async def test_a_label_has_one_key_a_team_and_is_changed_by_people(site):
    made = await call(site, "POST", "/v1/labels/", 201, name="Big Customers", type="contact")
    assert (made["key"], made["system"]) == ("big-customers", False)
    await call(site, "POST", "/v1/labels/", 409, who="a2", name="big customers")
    await call(site, "POST", "/v1/labels/", 201, who="b1", name="big customers")
    path = f"/v1/labels/{made['label_id']}/"
    await call(site, "PATCH", path, 403, name="x")
    await call(site, "PATCH", path, 404, "b session", name="x")
    changed = await call(site, "PATCH", path, who="a session", name="Whales", color="#AABBCC")
    assert (changed["name"], changed["key"], changed["color"]) == ("Whales", "big-customers", "#aabbcc")
    assert await call(site, "GET", "/v1/labels/?type=message") == []


async def test_labels_of_tickets_are_the_server_s_own(site):
    await call(site, "POST", "/v1/labels/", 403, name="Open", key="ticket/status/open")
    write, tenant = site.house.store.database.write, site.house.account.tenant.id
    await write(
        lambda tx: tx.execute(
            "INSERT INTO label(id, tenant_id, atom, display, kind, created_at) VALUES (5, ?, ?, 'Open', 'message', 1)",
            (tenant, "ticket/status/open"),
        )
    )
    (label,) = await call(site, "GET", "/v1/labels/")
    assert label["system"]
    text, thread = await letter(site)
    for path in (f"/v1/messages/{text}/labels/", f"/v1/messages/threads/{thread}/labels/"):
        await call(site, "POST", path, 403, label_key="ticket/status/open")
        await call(site, "DELETE", f"{path}{label['label_id']}/", 403)
    await call(site, "DELETE", f"/v1/labels/{label['label_id']}/", 403, "a session")


async def test_a_message_and_its_thread_count_the_same_label(site):
    label = (await call(site, "POST", "/v1/labels/", 201, name="Urgent"))["label_id"]
    text, thread = await letter(site)
    for _ in range(2):
        found = await call(site, "POST", f"/v1/messages/{text}/labels/", label_id=label)
        assert [each["name"] for each in found["results"]] == ["unauthenticated", "Urgent"]
    counts = "SELECT message_count FROM thread_label WHERE label_id IN (SELECT id FROM label WHERE atom = 'urgent')"
    assert await site.house.rows(counts) == [(1,)]
    await call(
        site, "POST", f"/v1/messages/threads/{thread}/labels/", label_key="urgent", source="rule", confidence=0.5
    )
    for _ in range(2):
        await call(site, "DELETE", f"/v1/messages/{text}/labels/{label}/", 204)
    _, shown = (await call(site, "GET", f"/v1/messages/threads/{thread}/labels/"))["results"]
    assert (shown["label_key"], shown["source"], shown["confidence"]) == ("urgent", "rule", 0.5)
    await call(site, "POST", f"/v1/messages/{text}/labels/", label_id=label)
    await call(site, "DELETE", f"/v1/messages/threads/{thread}/labels/{label}/", 204)
    assert await site.house.rows(counts) == []
    (left,) = await site.house.rows("SELECT COUNT(*) FROM message_label")
    assert left == (1,)  # what reception put there


async def test_a_deleted_label_is_off_everything(site):
    label = (await call(site, "POST", "/v1/labels/", 201, name="Urgent"))["label_id"]
    text, _ = await letter(site)
    contact = (await call(site, "POST", "/v1/contacts/", 201, full_name="Ann"))["id"]
    await call(site, "POST", f"/v1/messages/{text}/labels/", label_id=label)
    await call(site, "POST", f"/v1/context/{label}/entities/", 201, entity_type="contact", entity_id=contact)
    number = identifiers.decode(Kind.LABEL, label)
    tables = ("message_label", "thread_label", "label_entity")
    for table in tables:
        assert await site.house.rows(f"SELECT * FROM {table} WHERE label_id = ?", number) != []
    await call(site, "DELETE", f"/v1/labels/{label}/", 204, "a session")
    for table in tables:
        assert await site.house.rows(f"SELECT * FROM {table} WHERE label_id = ?", number) == []


async def test_a_label_shows_each_inbox_its_own_contacts(site):
    label = (await call(site, "POST", "/v1/labels/", 201, name="News", type="contact"))["label_id"]
    path = f"/v1/context/{label}/entities/"
    mine = (await call(site, "POST", "/v1/contacts/", 201, full_name="Mine"))["id"]
    theirs = (await call(site, "POST", "/v1/contacts/", 201, who="a2", full_name="Theirs"))["id"]
    for _ in range(2):
        await call(site, "POST", path, 201, entity_type="contact", entity_id=mine)
    await call(site, "POST", path, 404, entity_type="contact", entity_id=theirs)
    await call(site, "POST", path, 201, who="a2", entity_type="contact", entity_id=theirs)
    found = await call(site, "GET", path)
    assert ([each["entity_id"] for each in found["results"]], found["total"]) == ([mine], 1)
    text, _ = await letter(site)
    await call(site, "POST", f"/v1/messages/{text}/labels/", 400, label_id=label)
    await call(site, "DELETE", f"/v1/contacts/{mine}/", 204)
    assert (await call(site, "GET", path))["total"] == 0


async def test_contacts_are_found_by_the_beginning_of_their_words(site):
    ann = await call(
        site, "POST", "/v1/contacts/", 201, full_name="Ann Müller", emails=[{"address": "ann@Remote.test"}],
        phones=[{"number": "+49 30 123"}], notes="likes tea", anniversaries=[{"type": "Birthday", "date": "--02-29"}],
    )  # fmt: skip
    await call(site, "POST", "/v1/contacts/", 201, full_name="Bob")
    await call(site, "POST", "/v1/contacts/", 201, who="a2", full_name="Ann Elsewhere")
    for typed, total in (
        ("ann", 1), ("mull", 1), ("remote.test", 1), ("tea%20ann", 1), ("tea%20bob", 0), ("*", 0), ("%22", 0),
        ("ann%22%20OR%20inbox", 0), ("NOT", 0),
    ):  # fmt: skip
        assert (await call(site, "GET", f"/v1/contacts/?q={typed}"))["total"] == total, typed
    assert (await call(site, "GET", "/v1/contacts/?limit=1&position=1"))["total"] == 2
    path = f"/v1/contacts/{ann['id']}/"
    changed = await call(site, "PATCH", path, notes=None, full_name="Ann Maier")
    assert (changed["notes"], changed["emails"]) == (None, ann["emails"])
    assert (await call(site, "GET", "/v1/contacts/?q=mull"))["total"] == 0
    await call(site, "DELETE", path, 204)
    assert (await call(site, "GET", "/v1/contacts/?q=ann"))["total"] == 0
    assert await site.house.rows("SELECT * FROM contact_address") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("emails", [{"address": "nobody"}]), ("anniversaries", [{"type": "birthday", "date": "1985-02-30"}]),
        ("anniversaries", [{"type": "?", "date": "1985-02-03"}]), ("full_name", " "), ("phones", [{"number": ""}]),
    ],
)  # fmt: skip
async def test_a_card_that_makes_no_sense_is_refused_by_its_field(site, field, value):
    refused = await call(site, "POST", "/v1/contacts/", 400, **{"full_name": "x", field: value})
    assert field in refused["fields"]


ODD_CHARSET = "BEGIN:VCARD\r\nVERSION:2.1\r\nFN:x\r\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=x-no:a=0Ab\r\nEND:VCARD\r\n"
VCARDS = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann Lee\r\nEMAIL;TYPE=INTERNET,work:ann@remote.test\r\nTEL;TYPE=cell:+1 2\r\n"
    "BDAY:19850314\r\nNOTE:one\\ntwo\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:2.1\r\nFN:No Address\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Again\r\nEMAIL:ANN@remote.test\r\nEND:VCARD\r\n"
)


async def test_an_address_book_comes_in_once_and_goes_out_again(site):
    path = "/v1/contacts/import/"
    assert await call(site, "POST", path, format="vcard", content=VCARDS) == {"imported": 2, "skipped": 1}
    (ann,) = (await call(site, "GET", "/v1/contacts/?q=lee"))["results"]
    assert ann["emails"] == [{"label": "work", "address": "ann@remote.test"}]
    assert (ann["notes"], ann["anniversaries"]) == ("one\ntwo", [{"type": "birthday", "date": "1985-03-14"}])
    answer = await site.call("GET", f"/v1/contacts/{ann['id']}.vcf", site.tokens["a1"])
    assert answer.headers["Content-Type"].startswith("text/vcard")
    assert await call(site, "POST", path, who="a2", format="vcard", content=answer.content.decode()) == {
        "imported": 1, "skipped": 0,
    }  # fmt: skip
    (copy,) = (await call(site, "GET", "/v1/contacts/?q=lee", who="a2"))["results"]
    for field in ("full_name", "emails", "phones", "notes", "anniversaries"):
        assert copy[field] == ann[field]


async def test_a_table_of_contacts_comes_in(site):
    table = (
        "First Name,Last Name,E-mail 1 - Value,E-mail 1 - Type,Mobile Phone,Notes\r\n"
        'Ann,Lee,ann@remote.test,work,+1,"a, b"\r\n,,,,,\r\nBob,,not an address,,,\r\n'
    )
    assert (await call(site, "POST", "/v1/contacts/import/", format="csv", content=table))["imported"] == 2
    (ann,) = (await call(site, "GET", "/v1/contacts/?q=ann"))["results"]
    assert (ann["full_name"], ann["notes"], ann["phones"]) == ("Ann Lee", "a, b", [{"label": None, "number": "+1"}])


@pytest.mark.parametrize(
    ("kind", "content"),
    [("csv", "a,b\n1,2\n"), ("vcard", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"), ("vcard", "BEGIN:VCARD\r\nFN:x"),
        ("vcard", ODD_CHARSET),
     ("csv", "name\n" + "x\n" * 5_001)],
)  # fmt: skip
async def test_what_is_no_address_book_is_refused(site, kind, content):
    refused = await call(site, "POST", "/v1/contacts/import/", 400, format=kind, content=content)
    assert "content" in refused["fields"]


@pytest.mark.parametrize("kind", ["vcard", "csv"])
async def test_a_whole_address_book_goes_out_and_comes_in_again(site, kind):
    await call(
        site, "POST", "/v1/contacts/", 201, full_name="=cmd|' /C calc'!A0", notes="-1\nand more",
        emails=[{"address": f"a{n}@remote.test"} for n in range(5)], phones=[{"number": "+49 30 123"}],
    )  # fmt: skip
    create = site.house.services.contacts.create
    cards = [Card(f'Person {number}, the "{number}."') for number in range(450)]  # more than one slice
    await asyncio.gather(*(create(site.inboxes["a1"], card) for card in cards))
    answer = await site.call("GET", f"/v1/contacts/export/?format={kind}", site.tokens["a1"])
    assert answer.status == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    text = answer.content.decode()
    assert kind == "vcard" or "\n=cmd" not in text
    taken = await call(site, "POST", "/v1/contacts/import/", who="a2", format=kind, content=text)
    assert taken == {"imported": 451, "skipped": 0}
    (first,) = (await call(site, "GET", "/v1/contacts/?q=cmd", who="a2"))["results"]
    assert (first["full_name"], first["notes"]) == ("=cmd|' /C calc'!A0", "-1\nand more")
    assert [each["number"] for each in first["phones"]] == ["+49 30 123"]
    assert len(first["emails"]) == 5
    (last,) = (await call(site, "GET", "/v1/contacts/?q=449", who="a2"))["results"]
    assert last["full_name"] == 'Person 449, the "449."'


async def test_an_address_book_that_breaks_off_does_not_look_whole(site, monkeypatch):
    create = site.house.services.contacts.create
    await asyncio.gather(*(create(site.inboxes["a1"], Card(f"Person {number}")) for number in range(250)))
    whole = contacts.stretch

    def broken(snapshot, inbox_id, after, limit):
        if after:
            raise OSError("the disk is gone")
        return whole(snapshot, inbox_id, after, limit)

    monkeypatch.setattr(contacts, "stretch", broken)
    with pytest.raises(aiohttp.ClientPayloadError):
        await site.call("GET", "/v1/contacts/export/", site.tokens["a1"])
