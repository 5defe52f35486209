"""The AgentMail SDK, unchanged, over every call of pods; and what a key of a pod does not see of the next one."""

import agentmail
import pytest
from agentmail.api_keys.types import ApiKeyPermissions, CreateBearerApiKeyRequest
from agentmail.core.api_error import ApiError
from agentmail.inboxes.types import CreateInboxRequest

from tests.support.watched_sdk import watched


@pytest.fixture
async def client(tmp_path):
    async with watched(tmp_path) as opened:
        yield opened


@pytest.fixture
async def pod(client):
    """A pod with the inbox `pod@local.test`."""
    made = await client.checked(client.sdk.pods.create(name="Customer", client_id="customer-1"))
    await client.checked(
        client.sdk.pods.inboxes.create(made.pod_id, username="pod", client_id="i-1", metadata={"team": "a"})
    )
    return made.pod_id


async def nobodys(client, call):
    """Not all of the SDK's calls know of a 404 by its name."""
    with pytest.raises(ApiError) as missing:
        await call
    assert (missing.value.status_code, client.raw[-1]["code"]) == (404, "not_found")


async def test_pods(client, pod):
    sdk = client.sdk.pods
    assert (await client.checked(sdk.create(name="Other", client_id="customer-1"))).pod_id == pod
    unnamed = await client.checked(sdk.create())
    assert unnamed.name
    first = await client.checked(sdk.list(limit=1))
    assert [each.pod_id for each in first.pods] == [unnamed.pod_id]
    rest = await client.checked(sdk.list(limit=2, page_token=first.next_page_token))
    default = (await client.checked(client.sdk.inboxes.get("agent@local.test"))).pod_id
    assert [each.pod_id for each in rest.pods] == [pod, default]
    assert rest.next_page_token is None
    oldest = await client.checked(sdk.list(ascending=True))
    assert [each.pod_id for each in oldest.pods] == [default, pod, unnamed.pod_id]
    assert (await client.checked(sdk.get(pod))).client_id == "customer-1"
    for full in (pod, default):
        with pytest.raises(ApiError) as refused:
            await sdk.delete(full)
        assert (refused.value.status_code, refused.value.body["code"]) == (409, "cannot_delete")
    await client.checked(client.sdk.inboxes.delete("pod@local.test"))
    await client.checked(sdk.delete(pod))
    with pytest.raises(agentmail.NotFoundError):
        await sdk.get(pod)
    again = await client.checked(sdk.create(client_id="customer-1"))
    assert again.pod_id != pod


async def test_inboxes_of_a_pod(client, pod):
    sdk = client.sdk.pods.inboxes
    again = await client.checked(sdk.create(pod, username="another", client_id="i-1"))
    assert (again.inbox_id, again.pod_id) == ("pod@local.test", pod)
    elsewhere = await client.checked(client.sdk.inboxes.create(request=CreateInboxRequest(client_id="i-1")))
    assert elsewhere.inbox_id != "pod@local.test", "a client's names are its pod's own"
    chosen = await client.checked(sdk.create(pod))
    assert chosen.pod_id == pod
    listed = await client.checked(sdk.list(pod, limit=1))
    assert [each.inbox_id for each in listed.inboxes] == [chosen.inbox_id]
    listed = await client.checked(sdk.list(pod, limit=1, page_token=listed.next_page_token))
    assert [each.inbox_id for each in listed.inboxes] == ["pod@local.test"]
    assert listed.next_page_token is None
    found = await client.checked(sdk.search(pod, q="local.test"))
    assert {each.inbox_id for each in found.inboxes} == {"pod@local.test", chosen.inbox_id}
    assert (await client.checked(sdk.get(pod, "POD@local.test"))).metadata == {"team": "a"}
    changed = await client.checked(sdk.update(pod, "pod@local.test", display_name="Pod", metadata={"team": None}))
    assert (changed.display_name, changed.metadata) == ("Pod", None)
    for call in (sdk.get(pod, "agent@local.test"), sdk.delete(pod, "agent@local.test"), sdk.list("pod_0000000000007")):
        with pytest.raises(agentmail.NotFoundError):
            await call
    await client.checked(sdk.delete(pod, chosen.inbox_id))
    assert (await client.checked(sdk.list(pod))).count == 1


async def test_mail_of_a_pod(client, pod):
    sdk = client.sdk.pods
    await client.receive(b"Ours", b"ours", "agent@local.test")
    await client.receive(b"Theirs", b"theirs", "pod@local.test")
    await client.receive(b"Later", b"later", "pod@local.test")
    listed = await client.checked(sdk.threads.list(pod, limit=1, labels=["received"]))
    assert [each.subject for each in listed.threads] == ["Re: Later"]
    listed = await client.checked(
        sdk.threads.list(pod, limit=1, labels=["received"], page_token=listed.next_page_token)
    )
    (one,) = listed.threads
    assert (one.subject, listed.next_page_token) == ("Re: Theirs", None)
    found = await client.checked(sdk.threads.search(pod, q="kingfisher"))
    assert [each.subject for each in found.threads] == ["Re: Later", "Re: Theirs"]
    assert (await client.checked(sdk.threads.get(pod, one.thread_id))).messages[0].message_id == "<theirs@remote.test>"
    changed = await client.checked(sdk.threads.update(pod, one.thread_id, add_labels=["done"]))
    assert "done" in changed.labels
    link = await client.checked(sdk.threads.get_attachment(pod, one.thread_id, one.attachments[0].attachment_id))
    assert link.download_url
    (ours,) = [each for each in (await client.sdk.threads.list()).threads if each.inbox_id == "agent@local.test"]
    for call in (sdk.threads.get(pod, ours.thread_id), sdk.threads.delete(pod, ours.thread_id)):
        with pytest.raises(agentmail.NotFoundError):
            await call
    await client.checked(sdk.threads.delete(pod, one.thread_id))
    assert (await client.checked(sdk.threads.list(pod))).count == 1

    file = {"filename": "d.txt", "content_type": "text/plain", "content": "aGk="}
    made = await client.sdk.inboxes.drafts.create("pod@local.test", to=["b@remote.test"], text="d", attachments=[file])
    other = await client.sdk.inboxes.drafts.create("agent@local.test", to=["b@remote.test"], text="d")
    (draft,) = (await client.checked(sdk.drafts.list(pod))).drafts
    assert draft.draft_id == made.draft_id
    whole = await client.checked(sdk.drafts.get(pod, made.draft_id))
    link = await client.checked(sdk.drafts.get_attachment(pod, made.draft_id, whole.attachments[0].attachment_id))
    assert link.size == 2
    with pytest.raises(agentmail.NotFoundError):
        await sdk.drafts.get(pod, other.draft_id)
    for call in (sdk.metrics.query_events(pod), sdk.metrics.query_usage(pod), sdk.metrics.query_rates(pod)):
        await client.checked(call)


async def test_domains_of_a_pod(client, pod):
    sdk = client.sdk.pods.domains
    made = await client.checked(sdk.create(pod, domain="pod.test", feedback_enabled=True))
    assert (made.pod_id, made.status) == (pod, "NOT_STARTED")
    (listed,) = (await client.checked(sdk.list(pod))).domains
    assert listed.domain_id == made.domain_id
    assert (await client.checked(sdk.get(pod, "pod.test"))).domain == "pod.test"
    await client.checked(sdk.update(pod, "pod.test", inbound_enabled=True))
    zone = b"".join([each async for each in sdk.get_zone_file(pod, "pod.test")])
    assert zone.startswith(b"; pod.test")
    await client.checked(sdk.verify(pod, "pod.test"))
    with pytest.raises(agentmail.NotFoundError):
        await sdk.get(pod, "local.test")
    with pytest.raises(ApiError) as full:
        await client.sdk.pods.delete(pod)
    assert full.value.status_code == 409
    await client.site.house.store.database.write(
        lambda tx: tx.execute("UPDATE domain SET status = 'verified' WHERE name = 'pod.test'")
    )
    chosen = await client.checked(client.sdk.pods.inboxes.create(pod))
    assert chosen.inbox_id.endswith("@pod.test"), "its own domain comes first"
    born = await client.checked(client.sdk.inboxes.create(request=CreateInboxRequest(domain="pod.test")))
    assert born.pod_id == pod, "an inbox is in the pod of its domain"
    other = await client.sdk.pods.create()
    with pytest.raises(ApiError) as refused:
        await client.sdk.pods.inboxes.create(other.pod_id, domain="pod.test")
    assert refused.value.status_code == 400
    assert (await client.sdk.pods.inboxes.create(other.pod_id)).inbox_id.endswith("@local.test")
    for inbox in (chosen, born):
        await client.sdk.inboxes.delete(inbox.inbox_id)
    await client.checked(sdk.delete(pod, "pod.test"))
    assert (await client.checked(sdk.list(pod))).count == 0


async def test_webhooks_of_a_pod(client, pod):
    sdk, url = client.sdk.pods.webhooks, "https://hooks.remote.test/a"
    made = await client.checked(
        sdk.create(
            pod, url=url, event_types=["message.received"], client_id="w", headers={"X-A": "1"},
            inbox_ids=["pod@local.test"],
        )
    )  # fmt: skip
    assert (made.pod_id, made.inbox_ids) == (pod, ["pod@local.test"])
    assert (await client.checked(sdk.create(pod, url=url, event_types=[], client_id="w"))).webhook_id == made.webhook_id
    top = await client.checked(client.sdk.webhooks.create(url=url, event_types=[], client_id="w", pod_ids=[pod]))
    assert (top.pod_id, top.pod_ids) == (None, [pod])
    own = await client.checked(client.sdk.inboxes.webhooks.create("pod@local.test", url=url, event_types=[]))
    assert own.pod_id == pod
    listed = await client.checked(sdk.list(pod))
    assert [each.webhook_id for each in listed.webhooks] == [own.webhook_id, made.webhook_id]
    assert (await client.checked(sdk.get(pod, made.webhook_id))).client_id == "w"
    changed = await client.checked(
        sdk.update(
            pod, made.webhook_id, add_inbox_ids=["pod@local.test"], event_types=["message.sent"], enabled=False
        )
    )  # fmt: skip
    assert (changed.enabled, changed.event_types) == (False, ["message.sent"])
    await client.checked(sdk.update_headers(pod, made.webhook_id, headers={"X-B": "2"}, remove_headers=["X-A"]))
    assert (await client.checked(sdk.get_headers(pod, made.webhook_id))).header_names == ["X-B"]
    for call in (
        sdk.get(pod, top.webhook_id), sdk.create(pod, url=url, event_types=[], inbox_ids=["agent@local.test"]),
        sdk.update(pod, made.webhook_id, add_inbox_ids=["agent@local.test"]),
    ):  # fmt: skip
        await nobodys(client, call)
    for more in ({"add_inbox_ids": ["agent@local.test"]}, {"add_pod_ids": [(await client.sdk.pods.create()).pod_id]}):
        with pytest.raises(ApiError) as refused:
            await client.sdk.webhooks.update(made.webhook_id, **more)
        assert refused.value.status_code == 400, "it would never hear of them"
    await client.checked(sdk.delete(pod, made.webhook_id))
    assert (await client.checked(sdk.list(pod))).count == 1
    page = await client.checked(client.sdk.webhooks.list())
    assert {each.webhook_id for each in page.webhooks} == {top.webhook_id, own.webhook_id}
    changed = await client.checked(
        client.sdk.webhooks.update(top.webhook_id, add_inbox_ids=["agent@local.test"], remove_pod_ids=[pod])
    )
    assert (changed.inbox_ids, changed.pod_ids) == (["agent@local.test"], [])


async def test_keys_and_lists_of_a_pod(client, pod):
    sdk = client.sdk.pods.api_keys
    made = await client.checked(sdk.create(pod, request=CreateBearerApiKeyRequest(name="pod key")))
    assert (made.pod_id, made.inbox_id) == (pod, None)
    inner = await client.checked(
        client.sdk.inboxes.api_keys.create("pod@local.test", request=CreateBearerApiKeyRequest(name="inbox key"))
    )
    assert (inner.pod_id, inner.inbox_id) == (pod, "pod@local.test")
    top = await client.checked(client.sdk.api_keys.create(request=CreateBearerApiKeyRequest(name="top")))
    listed = await client.checked(sdk.list(pod))
    assert [each.api_key_id for each in listed.api_keys] == [inner.api_key_id, made.api_key_id]
    everything = await client.checked(client.sdk.api_keys.list())
    assert {made.api_key_id, inner.api_key_id, top.api_key_id} <= {each.api_key_id for each in everything.api_keys}
    changed = await client.checked(
        sdk.update(pod, made.api_key_id, name="b", permissions=ApiKeyPermissions(pod_read=True))
    )
    assert (changed.name, changed.permissions.pod_read) == ("b", True)
    assert (await client.checked(client.sdk.api_keys.get(made.api_key_id))).pod_id == pod
    with pytest.raises(agentmail.NotFoundError):
        await sdk.delete(pod, top.api_key_id)
    await client.checked(sdk.delete(pod, made.api_key_id))
    with pytest.raises(ApiError) as gone:
        await client.of(made.api_key).pods.list()
    assert gone.value.status_code == 401

    lists = client.sdk.pods.lists
    entry = await client.checked(lists.create(pod, "receive", "block", entry="spam@bad.test", reason="rude"))
    assert (entry.pod_id, entry.inbox_id) == (pod, None)
    assert (await client.checked(lists.get(pod, "receive", "block", "spam@bad.test"))).reason == "rude"
    page = await client.checked(lists.list(pod, "receive", "block"))
    assert [each.entry for each in page.entries] == ["spam@bad.test"]
    of_inbox = await client.checked(
        client.sdk.inboxes.lists.create("pod@local.test", "receive", "allow", entry="spam@bad.test")
    )
    assert (of_inbox.pod_id, of_inbox.inbox_id) == (pod, "pod@local.test")
    with pytest.raises(agentmail.NotFoundError):
        await client.sdk.lists.get("receive", "block", "spam@bad.test")
    await client.checked(lists.delete(pod, "receive", "block", "spam@bad.test"))
    with pytest.raises(agentmail.NotFoundError):
        await lists.get(pod, "receive", "block", "spam@bad.test")


async def test_a_key_of_a_pod_sees_that_pod_alone(client, pod):
    await client.receive(b"Ours", b"ours", "agent@local.test")
    await client.receive(b"Theirs", b"theirs", "pod@local.test")
    everything, url = client.sdk, "https://hooks.remote.test/a"
    other = (await everything.pods.create()).pod_id
    secret = await everything.inboxes.drafts.create("agent@local.test", to=["b@remote.test"], text="d")
    hook = await everything.webhooks.create(url=url, event_types=[])
    await everything.lists.create("receive", "block", entry="spam@bad.test")
    made = await client.checked(everything.pods.api_keys.create(pod, request=CreateBearerApiKeyRequest(name="p")))
    own = client.of(made.api_key)
    me = await client.checked(own.auth.me())
    assert (me.scope_type, me.scope_id, me.pod_id, me.inbox_id) == ("pod", pod, pod, None)
    organization = await own.organizations.get()  # says more than the SDK knows: docs/agentry.md
    assert (organization.inbox_count, organization.domain_count) == (1, 0)
    assert [each.pod_id for each in (await client.checked(own.pods.list())).pods] == [pod]
    assert [each.inbox_id for each in (await client.checked(own.inboxes.list())).inboxes] == ["pod@local.test"]
    assert [each.subject for each in (await client.checked(own.threads.list())).threads] == ["Re: Theirs"]
    assert [each.subject for each in (await client.checked(own.threads.search(q="kingfisher"))).threads] == [
        "Re: Theirs"
    ]
    assert (await client.checked(own.drafts.list())).count == 0
    assert (await client.checked(own.webhooks.list())).count == 0
    assert (await client.checked(own.domains.list())).count == 0
    assert (await client.checked(own.lists.list("receive", "block"))).count == 0
    assert [each.api_key_id for each in (await client.checked(own.api_keys.list())).api_keys] == [made.api_key_id]
    inbox = await client.checked(own.inboxes.create(request=CreateInboxRequest(username="more")))
    assert inbox.pod_id == pod
    assert (await client.checked(own.inboxes.create(request=CreateInboxRequest()))).pod_id == pod
    heir = await client.checked(own.api_keys.create(request=CreateBearerApiKeyRequest(name="heir")))
    assert heir.pod_id == pod
    assert (await client.checked(own.webhooks.create(url=url, event_types=[]))).pod_id == pod
    (ours,) = [each for each in (await everything.threads.list()).threads if each.inbox_id == "agent@local.test"]
    for call in (
        own.pods.get(other), own.pods.delete(other), own.pods.inboxes.list(other), own.inboxes.get("agent@local.test"),
        own.threads.get(ours.thread_id), own.threads.delete(ours.thread_id), own.drafts.get(secret.draft_id),
        own.inboxes.messages.get("agent@local.test", "<ours@remote.test>"), own.webhooks.get(hook.webhook_id),
        own.inboxes.messages.get("pod@local.test", "<ours@remote.test>"), own.domains.get("local.test"),
        own.webhooks.create(url=url, event_types=[], pod_ids=[other]),
        own.lists.get("receive", "block", "spam@bad.test"), own.inboxes.api_keys.list("agent@local.test"),
        own.inboxes.messages.send("agent@local.test", to="b@remote.test", text="x"),
        own.inboxes.lists.list("agent@local.test", "receive", "block"),
    ):  # fmt: skip
        await nobodys(client, call)
    for path in ("messages", "messages/%3Cours@remote.test%3E"):
        answer = await client.site.call("GET", f"/agent/v0/{path}", made.api_key)
        assert b"Ours" not in answer.content
    for call in (own.pods.create(), own.pods.delete(pod)):
        with pytest.raises(ApiError) as refused:
            await call
        assert refused.value.status_code == 403
    assert (await client.site.call("GET", "/v1/messages/", made.api_key)).status == 401


async def test_a_pod_that_goes_takes_its_keys_webhooks_and_lists_along(client, pod):
    sdk = client.sdk
    key = await sdk.pods.api_keys.create(pod, request=CreateBearerApiKeyRequest(name="p"))
    await sdk.pods.webhooks.create(pod, url="https://hooks.remote.test/a", event_types=[])
    await sdk.pods.lists.create(pod, "send", "block", entry="bad.test")
    await sdk.inboxes.delete("pod@local.test")
    await client.checked(sdk.pods.delete(pod))
    with pytest.raises(ApiError) as gone:
        await client.of(key.api_key).inboxes.list()
    assert gone.value.status_code == 401
    rows = client.site.house.rows
    for table in ("sender_rule", "token"):
        assert await rows(f"SELECT * FROM {table} WHERE pod_id NOT IN (SELECT id FROM pod)") == []
    assert (await sdk.webhooks.list()).count == 0


async def test_a_key_of_a_pod_sees_that_pod_alone_over_jmap_too(client, pod):
    text = await client.receive(b"Ours", b"ours", "agent@local.test")
    made = await client.sdk.pods.api_keys.create(pod, request=CreateBearerApiKeyRequest(name="p"))
    everything = (await client.site.call("GET", "/jmap/session", client.site.tokens["a key"])).json["accounts"]
    own = (await client.site.call("GET", "/jmap/session", made.api_key)).json["accounts"]
    assert {each["name"] for each in own.values()} == {"pod@local.test"}
    (foreign,) = [number for number, each in everything.items() if each["name"] == "agent@local.test"]
    for token, answer in ((client.site.tokens["a key"], "Email/get"), (made.api_key, "error")):
        wanted = {
            "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
            "methodCalls": [["Email/get", {"accountId": foreign, "ids": [text]}, "0"]],
        }
        found = (await client.site.call("POST", "/jmap/api", token, json=wanted)).json["methodResponses"]
        assert found[0][0] == answer, found
    assert found[0][1]["type"] == "accountNotFound"
    few = CreateBearerApiKeyRequest(name="few", permissions=ApiKeyPermissions(message_read=True))
    restricted = await client.sdk.pods.api_keys.create(pod, request=few)
    assert (await client.site.call("GET", "/jmap/session", restricted.api_key)).status == 403
