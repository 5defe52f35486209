"""Commitments, as the API serves them."""

import time

import pytest

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from mailserver.storage import commitments
from tests.support.served import served


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def test_a_commitment_knows_its_contact_by_the_address(site):
    ann = await call(site, "POST", "/v1/contacts/", 201, full_name="Ann", emails=[{"address": "Ann@remote.test"}])
    made = await call(site, "POST", "/v1/commitments/", 201, contact_address="ANN@remote.test", text="Send the offer")
    assert (made["contact_id"], made["owner"], made["status"]) == (ann["id"], "us", "open")
    other = await call(site, "POST", "/v1/commitments/", 201, contact_id=ann["id"], text="Pay", owner="them")
    assert other["contact_address"] == "ann@remote.test"
    await call(site, "POST", "/v1/commitments/", 201, contact_address="bob@remote.test", text="Call")
    assert (await call(site, "GET", f"/v1/commitments/?contact_id={ann['id']}"))["total"] == 2
    await call(site, "PATCH", f"/v1/commitments/{made['commitment_id']}/", status="done")
    found = await call(site, "GET", f"/v1/commitments/?contact_id={ann['id']}&status=open")
    assert [each["commitment_id"] for each in found["results"]] == [other["commitment_id"]]
    await call(site, "DELETE", f"/v1/contacts/{ann['id']}/", 204)
    found = await call(site, "GET", "/v1/commitments/")
    assert ([each["contact_id"] for each in found["results"]], found["total"]) == ([None] * 3, 3)


async def test_a_commitment_is_with_somebody(site):
    ann = await call(site, "POST", "/v1/contacts/", 201, full_name="Ann", emails=[{"address": "ann@remote.test"}])
    await call(site, "POST", "/v1/commitments/", 400, text="Send it")
    await call(site, "POST", "/v1/commitments/", 400, text="Send it", contact_address="nobody")
    wrong = {"text": "x", "contact_id": ann["id"], "contact_address": "bob@remote.test"}
    await call(site, "POST", "/v1/commitments/", 400, **wrong)
    await call(site, "POST", "/v1/commitments/", 404, who="a2", text="x", contact_id=ann["id"])


async def test_open_commitments_are_handed_over(site):
    for text in ("one", "two"):
        made = await call(site, "POST", "/v1/commitments/", 201, contact_address="ann@remote.test", text=text)
    await call(site, "PATCH", f"/v1/commitments/{made['commitment_id']}/", status="dropped")
    a1, a2 = site.inboxes["a1"].id, site.inboxes["a2"].id
    now = int(time.time() * 1000)
    moved = await site.house.store.database.write(commitments.hand_over, a1, "Ann@remote.test", a2, None, now)
    assert moved == 1
    (found,) = (await call(site, "GET", "/v1/commitments/", who="a2"))["results"]
    assert (found["text"], found["inbox_id"]) == ("one", identifiers.encode(Kind.INBOX, a2))
