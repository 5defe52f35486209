"""What the official clients can call: what is served, and what is not and says so."""

import json
from pathlib import Path

import pytest

from tests.support.served import served

BASE = "/agent/v0"
# The calls of agentmail 2.0.18 that this server does not have, as docs/agentry.md lists them.
TABLE = json.loads((Path(__file__).parent.parent / "conformance" / "agentmail_unserved.json").read_text())
THINGS = {
    "inbox_id": "agent@local.test", "domain_id": "local.test", "message_id": "<one@remote.test>",
}  # fmt: skip


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        raw = b"From: a@remote.test\r\nTo: agent@local.test\r\nMessage-ID: <one@remote.test>\r\n\r\nx\r\n"
        await opened.house.receive(raw)
        await opened.house.settled()
        yield opened


async def test_what_is_not_served_is_not_found(site):
    key = site.tokens["a key"]
    inbox = (await site.call("GET", f"{BASE}/inboxes/agent@local.test", key)).json
    wrong = {}
    for call in TABLE:
        path = call["path"].replace("{pod_id}", inbox["pod_id"])
        for name, thing in THINGS.items():
            path = path.replace(f"{{{name}}}", thing.replace("<", "%3C").replace(">", "%3E"))
        while "{" in path:
            path = f"{path[: path.index('{')]}xyz{path[path.index('}') + 1 :]}"
        body = {} if call["method"] in ("POST", "PATCH") else None
        answer = await site.call(call["method"], f"/agent{path}", key, json=body)
        if (answer.status, answer.json["name"], answer.json.get("code")) != (404, "NotFoundError", "not_found"):
            wrong[call["call"]] = answer.status, answer.content
    assert len(TABLE) == 48
    assert wrong == {}


async def test_another_method_is_refused_by_its_name(site):
    for method, path, allowed in (
        ("PUT", f"{BASE}/inboxes", {"GET", "POST"}), ("DELETE", f"{BASE}/threads", {"GET"}),
        ("POST", f"{BASE}/metrics/events", {"GET"}), ("GET", f"{BASE}/search", {"POST"}),
    ):  # fmt: skip
        answer = await site.call(method, path, site.tokens["a key"])
        assert answer.status == 405
        assert answer.json == {
            "name": "MethodNotAllowedError", "message": "The endpoint does not take this method.",
            "code": "method_not_allowed",
        }  # fmt: skip
        assert allowed <= {each.strip() for each in answer.headers["Allow"].split(",")}, path


def test_the_table_is_what_the_documentation_says():
    text = (Path(__file__).parent.parent.parent / "docs" / "agentry.md").read_text()
    listed = text.partition("## Not served")[2].partition("\n## ")[0]
    for each in TABLE:
        group, _, method = each["call"].rpartition(".")
        assert any(f"`{name}`" in listed for name in (group, each["call"], f".{method}")), each["call"]
