"""PUT and GET /v1/forwarding/, beyond what every endpoint is asked."""

import pytest

from mailserver.entities.access import ALL_SCOPES, Scope
from tests.support.served import served

PATH = "/v1/forwarding/"


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def put(site, token="a1", **body):
    return await site.call("PUT", PATH, site.tokens[token], json=body)


async def test_nothing_is_forwarded_until_somebody_says_so(site):
    shown = (await site.call("GET", PATH, site.tokens["a1"])).json
    assert shown["default_address"] is None
    assert (shown["enabled"], shown["keep_copy"], shown["stopped_at"]) == (False, True, None)
    assert (await put(site, enabled=False)).json == shown
    refused = await put(site, enabled=True)
    assert refused.status == 400
    assert refused.json["fields"]["default_address"]


async def test_a_target_is_set_switched_off_and_on_again(site):
    first = await put(site, default_address="Me@remote.test", enabled=True)
    assert first.json["default_address"] == "Me@remote.test"
    off = await put(site, enabled=False)
    assert (off.json["default_address"], off.json["enabled"]) == ("Me@remote.test", False)
    on = await put(site, enabled=True, keep_copy=False)
    assert (on.json["default_address"], on.json["enabled"], on.json["keep_copy"]) == ("Me@remote.test", True, False)
    assert (await site.call("GET", PATH, site.tokens["a1"])).json == on.json
    assert (await site.call("GET", PATH, site.tokens["a2"])).json["default_address"] is None


@pytest.mark.parametrize("address", ["", "x", "agent@local.test", "agent+x@local.test", "a@b.test\r\nX: y", "a" * 2000])
async def test_an_address_that_cannot_be_is_refused_with_its_field(site, address):
    refused = await put(site, default_address=address, enabled=True)
    assert refused.status == 400
    assert (await site.call("GET", PATH, site.tokens["a1"])).json["default_address"] is None


async def test_only_an_administrator_sends_mail_elsewhere(site):
    token = await site.token("agent", site.inboxes["a1"], ALL_SCOPES - {Scope.ADMIN})
    refused = await site.call("PUT", PATH, token, json={"default_address": "me@remote.test", "enabled": True})
    assert refused.status == 403
    assert (await site.call("GET", PATH, token)).status == 200


async def test_a_session_says_which_inbox_is_meant_and_no_other_tenants(site):
    names = {name: (await site.call("GET", PATH, site.tokens[name])).json["inbox_id"] for name in ("a1", "a2", "b1")}
    assert (await put(site, "a session", default_address="me@remote.test", enabled=True)).status == 400
    body = {"default_address": "me@remote.test", "enabled": True}
    assert (await put(site, "a session", inbox_id=names["a2"], **body)).json["inbox_id"] == names["a2"]
    assert (await put(site, "a session", inbox_id=names["b1"], **body)).status == 404
    assert (await site.call("GET", PATH, site.tokens["b1"])).json["default_address"] is None
