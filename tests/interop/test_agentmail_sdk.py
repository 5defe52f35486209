"""The AgentMail SDK, unchanged, over every call of inboxes, messages, threads and drafts.

Each answer is held against the SDK's own models: a field that they require and that is not there, one of another type,
and one that they do not know, all count.
"""

import base64
import datetime as dt

import agentmail
import pytest
from agentmail.core.api_error import ApiError
from agentmail.inboxes.types import CreateInboxRequest

from tests.support.sdk_models import problems
from tests.support.watched_sdk import Watched, watched


def known(labels: list[str]) -> list[str]:
    """Labels without that of senders whom nothing in this zone of no names can vouch for."""
    return [each for each in labels if each != "unauthenticated"]


@pytest.fixture
async def client(tmp_path):
    async with watched(tmp_path) as opened:
        yield opened


def test_the_comparison_can_fail():
    from agentmail.messages.types.message import Message

    assert problems(Message, {"message_id": "x"})
    whole = {
        "inbox_id": "a", "thread_id": "t", "message_id": "m", "labels": [], "timestamp": "2026-01-01T00:00:00Z",
        "from": "a", "to": ["b"], "size": 1, "updated_at": "2026-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    assert problems(Message, whole) == []
    assert problems(Message, {**whole, "surprise": 1}) == ["Message.surprise is not known"]


async def test_inboxes(client):
    sdk = client.sdk
    wanted = CreateInboxRequest(
        username="Robin", domain="local.test", display_name="Robin", client_id="r-1", metadata={"team": "a", "size": 2}
    )
    made = await client.checked(sdk.inboxes.create(request=wanted))
    assert (made.inbox_id, made.email, made.metadata) == ("robin@local.test",) * 2 + ({"team": "a", "size": 2},)
    assert (await client.checked(sdk.inboxes.create(request=wanted))).created_at == made.created_at
    chosen = await client.checked(sdk.inboxes.create(request=CreateInboxRequest()))
    assert chosen.inbox_id.endswith("@local.test")
    with pytest.raises(ApiError) as taken:
        await sdk.inboxes.create(request=CreateInboxRequest(username="robin"))
    assert (taken.value.status_code, taken.value.body["code"]) == (403, "resource_taken")
    assert (await client.checked(sdk.inboxes.get("ROBIN@Local.Test"))).inbox_id == "robin@local.test"
    seen, token = [], None
    while True:
        page = await client.checked(sdk.inboxes.list(limit=1, page_token=token))
        seen += [each.inbox_id for each in page.inboxes]
        token = page.next_page_token
        if token is None:
            break
    assert seen[:2] == [chosen.inbox_id, "robin@local.test"]
    assert len(seen) == 4
    first = await client.checked(sdk.inboxes.list(ascending=True))
    assert [each.inbox_id for each in first.inboxes] == seen[::-1]
    found = await client.checked(sdk.inboxes.search(q="ROBIN@"))
    assert [each.inbox_id for each in found.inboxes] == ["robin@local.test"]
    changed = await client.checked(
        sdk.inboxes.update("robin@local.test", display_name="Rob", metadata={"team": None, "more": True})
    )
    assert (changed.display_name, changed.metadata) == ("Rob", {"size": 2, "more": True})
    assert (await client.checked(sdk.inboxes.update("robin@local.test", status="paused"))).status == "paused"
    await client.checked(sdk.inboxes.delete("robin@local.test"))
    with pytest.raises(agentmail.NotFoundError):
        await sdk.inboxes.get("robin@local.test")
    again = await client.checked(sdk.inboxes.create(request=wanted))
    assert again.created_at > made.created_at, "the names are free again"


async def test_messages_are_read_and_arranged(client):
    sdk, inbox = client.sdk.inboxes.messages, "agent@local.test"
    await client.receive(b"First", b"one")
    await client.receive(b"Second", b"two/odd?id#")
    page = await client.checked(sdk.list(inbox, labels=["received", "unread"], limit=1))
    second = page.messages[0]
    assert second.message_id.startswith("msg_"), "what cannot stand in a path has another name"
    page = await client.checked(
        sdk.list(inbox, limit=1, page_token=page.next_page_token, labels=["received", "unread"])
    )
    first = page.messages[0]
    assert first.message_id == "<one@remote.test>"
    assert page.next_page_token is None
    for each in (first, second):
        whole = await client.checked(sdk.get(inbox, each.message_id))
        assert whole.extracted_text == "The kingfisher sings."
        assert "Old" not in whole.extracted_html
        raw = await client.checked(sdk.get_raw(inbox, each.message_id))
        assert raw.size == each.size
        link = await client.checked(sdk.get_attachment(inbox, each.message_id, whole.attachments[0].attachment_id))
        assert await _fetched(client, link.download_url) == b"%PDF-1"
    for narrowed in ({"from_": ["ALICE", "remote"]}, {"to": ["carol@"]}, {"subject": ["sec"]}):
        found = (await client.checked(sdk.list(inbox, **narrowed))).messages
        assert len(found) == (1 if "subject" in narrowed else 2), narrowed
    assert not (await client.checked(sdk.list(inbox, from_=["%"]))).messages
    got = await client.checked(sdk.batch_get(inbox, message_ids=[first.message_id, "<nobody@x>", second.message_id]))
    assert (got.count, got.limit) == (2, 3)
    updated = await client.checked(
        sdk.batch_update(inbox, message_ids=[first.message_id, second.message_id], add_labels=["a"], remove_labels="b")
    )
    assert all("a" in each.labels for each in updated.updates)
    one = await client.checked(sdk.update(inbox, first.message_id, add_labels="starred", remove_labels=["unread"]))
    assert known(one.labels) == ["received", "starred", "a"]
    found = await client.checked(sdk.search(inbox, q="kingfisher subject:first"))
    (hit,) = found.messages
    assert hit.highlights.text == ["The **kingfisher** sings. On Fri, 20 Nov 2026, Bob wrote: > Old."]
    assert hit.highlights.subject == ["Re: **First**"]
    await client.checked(sdk.delete(inbox, first.message_id))
    assert (await client.checked(sdk.get(inbox, first.message_id))).labels[2:3] == ["trash"]
    assert [m.message_id for m in (await client.checked(sdk.list(inbox))).messages] == [second.message_id]
    assert len((await client.checked(sdk.list(inbox, include_trash=True))).messages) == 2
    await client.checked(sdk.delete(inbox, first.message_id))
    with pytest.raises(agentmail.NotFoundError):
        await sdk.get(inbox, first.message_id)


async def test_messages_are_sent_once(client):
    sdk, inbox = client.sdk.inboxes.messages, "agent@local.test"
    file = {"filename": "ä.txt", "content_type": "text/plain", "content": base64.b64encode(b"hi").decode()}
    letter = {"to": "bob@remote.test", "cc": ["Carl <carl@remote.test>"], "subject": "s", "text": "t", "html": "<p>t"}
    sent = await client.checked(
        sdk.send(inbox, **letter, attachments=[file], headers={"X-A": "b"}, labels=["mine"], idempotency_key="k")
    )
    again = await client.checked(
        sdk.send(inbox, **letter, attachments=[file], headers={"X-A": "b"}, labels=["mine"], idempotency_key="k")
    )
    assert sent == again
    rows = await client.site.house.rows("SELECT COUNT(*) FROM message WHERE is_ours = 1")
    assert rows[0][0] == 1
    for mailbox, changed in ((inbox, {**letter, "text": "other"}), ("second@local.test", letter)):
        with pytest.raises(ApiError) as refused:
            await sdk.send(mailbox, **changed, idempotency_key="k", request_options={"max_retries": 0})
        assert refused.value.status_code == 409
    with pytest.raises(agentmail.ValidationError):
        await sdk.send(inbox, **letter, idempotency_key="")
    whole = await client.checked(sdk.get(inbox, sent.message_id))
    assert whole.labels == ["sent", "mine"]
    assert whole.attachments[0].filename == "ä.txt"
    with pytest.raises(agentmail.ValidationError):
        await sdk.send(inbox, to=[f"p{number}@remote.test" for number in range(51)], text="x")
    with pytest.raises(agentmail.ValidationError):
        await sdk.send(inbox, to="bob@remote.test", text="x", labels=["unread"])


async def test_messages_are_answered_and_forwarded(client):
    sdk, inbox = client.sdk.inboxes.messages, "agent@local.test"
    await client.receive(b"Question", b"q")
    original = "<q@remote.test>"
    thread = (await client.checked(sdk.get(inbox, original))).thread_id
    replied = await client.checked(sdk.reply(inbox, original, text="Yes."))
    assert (await client.checked(sdk.get(inbox, replied.message_id))).to == ["Alice <alice@remote.test>"]
    for call in (sdk.reply_all(inbox, original, text="All."), sdk.reply(inbox, original, text="All.", reply_all=True)):
        sent = await client.checked(call)
        whole = await client.checked(sdk.get(inbox, sent.message_id))
        assert (whole.to, whole.cc) == (["Alice <alice@remote.test>"], ["carol@remote.test"])
        assert whole.in_reply_to == original
        assert sent.thread_id == thread
    forwarded = await client.checked(sdk.forward(inbox, original, to=["x@remote.test"], text="See <this>."))
    whole = await client.checked(sdk.get(inbox, forwarded.message_id))
    assert whole.subject == "Fwd: Re: Question"
    assert whole.text.startswith("See <this>.\n\n---------- Forwarded message ---------\nFrom: Alice")
    assert "See &lt;this&gt;." in whole.html
    assert "The kingfisher sings.</p>" in whole.html
    assert [each.filename for each in whole.attachments] == ["a.pdf"]
    assert whole.in_reply_to is None
    assert forwarded.thread_id == thread
    house = client.site.house
    flags = (await house.rows("SELECT flags FROM message WHERE is_ours = 0 AND thread_id IN "
                              "(SELECT thread_id FROM message WHERE is_ours = 1)"))[0][0]  # fmt: skip
    assert flags & 4, "answered"
    assert flags & 16, "forwarded"


@pytest.mark.parametrize("scoped", [False, True])
async def test_threads(client, scoped):
    threads = client.sdk.inboxes.threads if scoped else client.sdk.threads
    first = ("agent@local.test",) if scoped else ()
    await client.receive(b"Thread", b"t1")
    await client.sdk.inboxes.messages.reply("agent@local.test", "<t1@remote.test>", text="Yes.")
    await client.receive(b"Another", b"t2")
    listed = await client.checked(threads.list(*first, labels=["received"], limit=1))
    listed = await client.checked(threads.list(*first, labels=["received"], limit=1, page_token=listed.next_page_token))
    (one,) = listed.threads
    assert (one.message_count, known(one.labels)) == (2, ["received", "sent", "unread"])
    page = await client.checked(threads.get(*first, one.thread_id, limit=1))
    assert (page.count, page.messages[0].message_id) == (1, "<t1@remote.test>")
    page = await client.checked(threads.get(*first, one.thread_id, limit=1, page_token=page.next_page_token))
    assert page.messages[0].labels == ["sent"]
    assert page.next_page_token is None
    for narrowed in ({"senders": ["alice"]}, {"recipients": ["carol"]}, {"subject": ["thread"]}):
        found = (await client.checked(threads.list(*first, **narrowed))).threads
        assert len(found) == (1 if "subject" in narrowed else 2), narrowed
    changed = await client.checked(threads.update(*first, one.thread_id, add_labels=["done"], remove_labels=["unread"]))
    assert known(changed.labels) == ["received", "sent", "done"]
    assert [each.thread_id for each in (await threads.list(*first, labels=["done"])).threads] == [one.thread_id]
    found = await client.checked(threads.search(*first, q="kingfisher", limit=1))
    assert found.threads[0].subject == "Re: Another"
    found = await client.checked(threads.search(*first, q="kingfisher", limit=1, page_token=found.next_page_token))
    assert found.threads[0].thread_id == one.thread_id
    assert found.threads[0].highlights.text
    link = await client.checked(threads.get_attachment(*first, one.thread_id, one.attachments[0].attachment_id))
    assert await _fetched(client, link.download_url) == b"%PDF-1"
    await client.checked(threads.delete(*first, one.thread_id))
    assert "trash" in (await client.checked(threads.get(*first, one.thread_id))).labels
    await client.checked(threads.delete(*first, one.thread_id))
    with pytest.raises(agentmail.NotFoundError):
        await threads.get(*first, one.thread_id)


async def test_drafts(client):
    sdk, inbox, top = client.sdk.inboxes.drafts, "agent@local.test", client.sdk.drafts
    file = {"filename": "d.txt", "content_type": "text/plain", "content": base64.b64encode(b"hi").decode()}
    made = await client.checked(
        sdk.create(
            inbox,
            to=["bob@remote.test"],
            bcc=["boss@remote.test"],
            subject="d",
            text="d",
            attachments=[file],
            labels=["later"],
            client_id="d-1",
        )
    )
    assert (await client.checked(sdk.create(inbox, client_id="d-1"))).draft_id == made.draft_id
    assert made.labels == ["draft", "later"]
    for drafts, first in ((sdk, (inbox,)), (top, ())):
        (one,) = (await client.checked(drafts.list(*first, labels=["later"]))).drafts
        whole = await client.checked(drafts.get(*first, one.draft_id))
        assert (whole.bcc, whole.text.strip(), whole.client_id) == (["boss@remote.test"], "d", "d-1")
        number = whole.attachments[0].attachment_id
        link = await client.checked(drafts.get_attachment(*first, one.draft_id, number))
        assert await _fetched(client, link.download_url) == b"hi"
    gent = (await client.site.call("GET", "/v1/messages/?folder=drafts", client.site.tokens["a1"])).json
    assert [each["subject"] for each in gent["results"]] == ["d"]
    changed = await client.checked(
        sdk.update(
            inbox,
            made.draft_id,
            subject="d2",
            html="<b>d2</b>",
            add_attachments=[{**file, "filename": "e.txt"}],
            remove_attachments=[number],
            add_labels=["new"],
            remove_labels=["later"],
        )
    )
    assert (changed.draft_id, changed.subject, changed.labels) == (made.draft_id, "d2", ["draft", "new"])
    assert [each.filename for each in changed.attachments] == ["e.txt"]
    assert changed.bcc == ["boss@remote.test"]
    assert not (await client.checked(client.sdk.inboxes.messages.list(inbox))).messages, "a draft is no message yet"
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    scheduled = await client.checked(sdk.update(inbox, made.draft_id, send_at=later))
    assert (scheduled.send_status, scheduled.labels[:2]) == ("scheduled", ["draft", "scheduled"])
    assert (await client.checked(sdk.list(inbox, labels=["scheduled"]))).count == 1
    sent = await client.checked(sdk.send(inbox, made.draft_id, add_labels=["out"], idempotency_key="s"))
    assert await client.checked(sdk.send(inbox, made.draft_id, add_labels=["out"], idempotency_key="s")) == sent
    message = await client.checked(client.sdk.inboxes.messages.get(inbox, sent.message_id))
    assert (message.subject, message.labels) == ("d2", ["sent", "new", "out"])
    assert (await client.checked(top.list())).count == 0
    with pytest.raises(agentmail.NotFoundError):
        await sdk.get(inbox, made.draft_id)
    await client.receive(b"Ask", b"ask")
    for given in ({"in_reply_to": "<ask@remote.test>", "reply_all": True}, {"forward_of": "<ask@remote.test>"}):
        draft = await client.checked(sdk.create(inbox, text="So.", **given))
        assert (draft.in_reply_to or draft.forward_of) == "<ask@remote.test>"
        assert draft.references == ["<ask@remote.test>"]
        if "in_reply_to" in given:
            assert (draft.to, draft.cc) == (["Alice <alice@remote.test>"], ["carol@remote.test"])
            sent = await client.checked(sdk.send(inbox, draft.draft_id))
            assert (await client.sdk.inboxes.messages.get(inbox, sent.message_id)).in_reply_to == "<ask@remote.test>"
        else:
            assert [each.filename for each in draft.attachments] == ["a.pdf"]
            await client.checked(sdk.delete(inbox, draft.draft_id))
    assert (await client.checked(sdk.list(inbox))).count == 0


async def test_what_is_not_served_is_not_found(client):
    for call in (client.sdk.apps.list(), client.sdk.accounts.list(), client.sdk.inboxes.files.list("agent@local.test")):
        with pytest.raises(ApiError) as refused:
            await call
        assert (refused.value.status_code, client.raw[-1]["code"]) == (404, "not_found")


async def _fetched(client: Watched, url: str) -> bytes:
    """What a link leads to, without a login; and a range of it."""
    path = url.removeprefix("http://mail.local.test")
    whole = await client.site.call("GET", path)
    assert whole.status == 200
    part = await client.site.call("GET", path, headers={"Range": "bytes=0-0"})
    assert (part.status, part.content) == (206, whole.content[:1])
    return whole.content
