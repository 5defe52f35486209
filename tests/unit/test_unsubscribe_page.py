"""The pages that need no login: leaving, the picture, a link; and a broadcast that waits for an approval."""

import html.parser
import re

import aiohttp
import pytest

from mailserver.entities.access import Scope
from tests.support.scene import scene


@pytest.fixture
async def stage(tmp_path):
    async with scene(tmp_path) as opened:
        yield opened


class Page(html.parser.HTMLParser):
    """What a screen reader would find."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fields, self.lang = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        if tag == "html":
            self.lang = found.get("lang")
        if tag == "input":
            self.fields[found["name"]] = found["value"]


async def opted_out(stage):
    return await stage.site.house.rows("SELECT address FROM opt_out")


async def test_looking_changes_nothing_and_the_page_s_own_form_leaves(stage):
    path = f"/v1/unsubscribe/{stage.things['leaving_token']}/"
    answer = await stage.site.call("GET", path)
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    text = answer.content.decode()
    page = Page(text)
    assert page.lang == "en"
    assert {"title", "main", "h1", "form", "button"} <= set(page.tags)
    assert "script" not in page.tags
    assert "Customers" in text
    assert "friend@remote.test" not in text
    assert await opted_out(stage) == []
    answer = await stage.site.call("POST", path, data=page.fields)
    assert answer.status == 200
    assert [tuple(row) for row in await opted_out(stage)] == [("friend@remote.test",)]


async def test_a_mail_program_leaves_with_either_kind_of_form(stage):
    path = f"/v1/unsubscribe/{stage.things['leaving_token']}/"
    form = aiohttp.FormData({"List-Unsubscribe": "One-Click"}, default_to_multipart=True)
    assert (await stage.site.call("POST", path, data=form)).status == 200
    assert len(await opted_out(stage)) == 1
    assert (await stage.site.call("POST", path, data="List-Unsubscribe=One-Click")).status == 200
    assert len(await opted_out(stage)) == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"List-Unsubscribe=No", b"\xff\xfe", b"&" * 5000, b"x" * 50_000])
async def test_a_post_that_says_something_else_leaves_nothing(stage, content):
    path = f"/v1/unsubscribe/{stage.things['leaving_token']}/"
    assert (await stage.site.call("POST", path, data=content)).status == 400
    assert await opted_out(stage) == []


async def test_a_token_that_is_not_ours_gets_the_same_page_whatever_it_is(stage):
    pages = set()
    for token in ("x", "A" * 54, stage.things["leaving_token"][:-1], "%00", "%C3%A9", "x" * 3000):
        for method in ("GET", "POST"):
            data = {"List-Unsubscribe": "One-Click"} if method == "POST" else None
            answer = await stage.site.call(method, f"/v1/unsubscribe/{token}/", data=data)
            assert answer.status == 404
            pages.add(answer.content)
    assert len(pages) == 1


async def test_the_picture_is_always_there_and_never_kept(stage):
    for path in (f"{stage.things['broadcast_id']}/x", "bcd_x/y", f"{stage.things['broadcast_id']}/%00"):
        answer = await stage.site.call("GET", f"/v1/track/open/{path}/")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "image/gif"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.content.startswith(b"GIF89a")


async def test_a_link_leads_where_it_did(stage):
    answer = await stage.site.call("GET", f"/v1/track/click/{stage.things['link_id']}/")
    assert (answer.status, answer.headers["Location"]) == (302, "https://remote.test/secret")
    for wrong in ("x", "00000000-0000-4000-8000-000000000000", "%00"):
        assert (await stage.site.call("GET", f"/v1/track/click/{wrong}/")).status == 404


async def test_a_broadcast_of_a_token_that_needs_leave_waits_and_runs_once(stage):
    site = stage.site
    _, token = await site.house.services.access.create_token(
        site.inboxes["a1"].tenant_id, "agent", "asks", inbox_id=site.inboxes["a1"].id,
        requires_approval=frozenset({Scope.EMAIL_SEND}),
    )  # fmt: skip
    before = await site.house.rows("SELECT COUNT(*) FROM broadcast")
    body = {"label_id": stage.things["label_id"], "subject": "May I?", "text_body": "Hello {first_name}"}
    key = {"Idempotency-Key": "once"}
    held = [await site.call("POST", "/v1/messages/broadcast/", token, json=body, headers=key) for _ in range(2)]
    assert [answer.status for answer in held] == [202, 202]
    assert held[0].json == held[1].json
    approval_id = held[0].json["approval_id"]
    assert await site.house.rows("SELECT COUNT(*) FROM broadcast") == before
    shown = (await site.call("GET", f"/v1/approvals/{approval_id}/", site.tokens["a1"])).json
    assert shown["summary"] == "Broadcast to: Customers - May I?"
    path = f"/v1/approvals/{approval_id}/approve/"
    inbox = {"inbox_id": stage.things["inbox_id"]}
    assert (await site.call("POST", path, site.tokens["a session"], json=inbox)).status == 204
    assert (await site.call("POST", path, site.tokens["a session"], json=inbox)).status == 400
    assert (await site.house.rows("SELECT COUNT(*) FROM broadcast"))[0][0] == before[0][0] + 1
    unknown = {**body, "label_id": "lbl_0000000000000"}
    assert (await site.call("POST", "/v1/messages/broadcast/", token, json=unknown)).status == 404


async def test_a_repeated_request_sends_nothing_more(stage):
    body = {"label_id": stage.things["label_id"], "text_body": "Hello"}
    answers = [
        await stage.site.call(
            "POST", "/v1/messages/broadcast/", stage.site.tokens["a1"], json=body, headers={"Idempotency-Key": "k"}
        )
        for _ in range(2)
    ]
    assert answers[0].json == answers[1].json
    assert re.fullmatch(r"bcd_\w{13}", answers[0].json["broadcast_id"])
