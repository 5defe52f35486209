"""The AgentMail SDK on keys, webhooks, domains and lists: each answer is what its models say, no more and no less."""

import pytest
from agentmail.api_keys.types import ApiKeyPermissions, CreateBearerApiKeyRequest
from agentmail.core.api_error import ApiError

from tests.support.watched_sdk import watched

URL = "https://hooks.remote.test/a"


@pytest.fixture
async def client(tmp_path):
    async with watched(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("first", [(), ("agent@local.test",)])
async def test_keys(client, first):
    sdk = client.sdk.inboxes.api_keys if first else client.sdk.api_keys
    wanted = CreateBearerApiKeyRequest(
        name="bot", permissions=ApiKeyPermissions(message_read=True, label_spam_read=True),
        expires_at="2099-01-01T00:00:00Z",
    )  # fmt: skip
    made = await client.checked(sdk.create(*first, request=wanted))
    plain = await client.checked(sdk.create(*first, request=CreateBearerApiKeyRequest()))
    assert made.permissions.label_trash_read is None
    listed = await client.checked(sdk.list(*first, limit=1))
    assert [each.api_key_id for each in listed.api_keys] == [plain.api_key_id]
    listed = await client.checked(sdk.list(*first, limit=1, page_token=listed.next_page_token))
    assert [each.api_key_id for each in listed.api_keys] == [made.api_key_id]
    changed = await client.checked(
        sdk.update(*first, made.api_key_id, name="b", permissions=ApiKeyPermissions(message_read=True))
    )
    assert (changed.name, changed.permissions.label_spam_read) == ("b", None)
    got = await client.checked(client.sdk.api_keys.get(made.api_key_id))
    assert (got.type, got.inbox_id) == ("bearer", first[0] if first else None)
    assert (await client.checked(client.of(plain.api_key).auth.me())).scope_type == (
        "inbox" if first else "organization"
    )
    assert (await client.checked(client.of(plain.api_key).auth.me())).pod_id == made.pod_id
    await client.checked(sdk.delete(*first, made.api_key_id))
    with pytest.raises(ApiError) as gone:
        await client.sdk.api_keys.get(made.api_key_id)
    assert gone.value.status_code == 404


@pytest.mark.parametrize("first", [(), ("agent@local.test",)])
async def test_webhooks(client, first):
    sdk = client.sdk.inboxes.webhooks if first else client.sdk.webhooks
    wanted = {"url": URL, "event_types": ["message.received"], "client_id": "w", "headers": {"X-A": "1"}}
    made = await client.checked(sdk.create(*first, **wanted))
    assert (await client.checked(sdk.create(*first, **wanted))).webhook_id == made.webhook_id
    assert made.secret.startswith("whsec_")
    assert (made.inbox_id, bool(made.pod_id)) == (first[0] if first else None, bool(first))
    assert (await client.checked(sdk.get(*first, made.webhook_id))).url == URL
    assert (await client.checked(sdk.list(*first))).count == 1
    changed = await client.checked(sdk.update(*first, made.webhook_id, event_types=["message.sent"], enabled=False))
    assert (changed.enabled, changed.event_types) == (False, ["message.sent"])
    await client.checked(sdk.update_headers(*first, made.webhook_id, headers={"X-B": "2"}, remove_headers=["X-A"]))
    assert (await client.checked(sdk.get_headers(*first, made.webhook_id))).header_names == ["X-B"]
    await client.checked(sdk.delete(*first, made.webhook_id))
    assert (await client.checked(sdk.list(*first))).count == 0


@pytest.mark.parametrize("first", [(), ("agent@local.test",)])
async def test_lists(client, first):
    sdk = client.sdk.inboxes.lists if first else client.sdk.lists
    for number in range(3):
        await client.checked(sdk.create(*first, "send", "block", entry=f"p{number}@bad.test", reason="rude"))
    assert (await client.checked(sdk.get(*first, "send", "block", "p1@bad.test"))).reason == "rude"
    page = await client.checked(sdk.list(*first, "send", "block", limit=2))
    rest = await client.checked(sdk.list(*first, "send", "block", limit=2, page_token=page.next_page_token))
    assert [each.entry for each in (*page.entries, *rest.entries)] == [f"p{number}@bad.test" for number in range(3)]
    await client.checked(sdk.delete(*first, "send", "block", "p1@bad.test"))
    assert (await client.checked(sdk.list(*first, "send", "block"))).count == 2


async def test_domains(client):
    sdk = client.sdk.domains
    made = await client.checked(sdk.create(domain="claimed.test", feedback_enabled=True))
    assert made.pod_id == (await client.checked(client.sdk.inboxes.get("agent@local.test"))).pod_id
    assert (await client.checked(sdk.list())).count == 2
    assert (await client.checked(sdk.get("claimed.test"))).status == "NOT_STARTED"
    await client.checked(sdk.update("claimed.test", inbound_enabled=True))
    await client.checked(sdk.verify("claimed.test"))
    assert b"".join([each async for each in sdk.get_zone_file("claimed.test")]).startswith(b"; claimed.test")
    await client.checked(sdk.delete("claimed.test"))
    with pytest.raises(ApiError) as full:
        await sdk.delete("local.test")
    assert (full.value.status_code, client.raw[-1]["code"]) == (409, "cannot_delete")
