"""The story of a message: who was told, what left without a copy, what was passed on, and what takes too long."""

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.event import EventType
from mailserver.entities.identifiers import Kind
from mailserver.entities.story import Sought
from mailserver.services.health import stories
from mailserver.services.outbound import queue
from tests.support.inside import inside
from tests.support.receiver import Receiver, hook, posting

MESSAGE = b"From: a@remote.test\r\nTo: agent@local.test\r\nMessage-ID: <one@remote.test>\r\nSubject: one\r\n\r\nx\r\n"
OURS = MESSAGE.replace(b"a@remote.test", b"agent@local.test").replace(b"<one@", b"<two@")


def whats(story):
    return [line.what for line in story.lines]


async def test_applications_that_were_told_are_in_the_story(tmp_path):
    async with inside(tmp_path, outbound_http={"allow_private": True}) as house, Receiver() as receiver:
        await hook(house, receiver.url("told"), EventType.MESSAGE_RECEIVED.value)
        async with posting(house):
            queue_id = await house.receive(MESSAGE)
            await receiver.until(lambda: receiver.got("told"))
        story = await house.services.health.stories.trace(queue_id)
        assert "webhook delivered" in whats(story)
        told = next(line for line in story.lines if line.what == "webhook delivered")
        assert (told.facts["host"], told.facts["status"]) == (f"127.0.0.1:{receiver.port}", 204)


async def test_mail_that_leaves_without_a_copy_has_the_id_that_its_sender_was_told(tmp_path):
    async with inside(tmp_path, smtp={"save_sent": False}) as house:
        assert house.account is not None
        queue_id = await house.submit(OURS, house.account.inbox)
        await house.settled()
        assert queue_id.startswith("que_")
        for text in (queue_id, "two@remote.test"):
            story = await house.services.health.stories.trace(text)
            assert whats(story) == ["queued", "due"]
            assert story.queue_ids == (queue_id,)
        (job,) = await house.services.queue.page(queue.OPEN)
        await house.services.queue.drop([job.deliveries[0].id])
        story = await house.services.health.stories.trace(queue_id)
        assert whats(story) == ["queued", "dropped"]


async def test_copies_of_several_inboxes_and_tenants_are_one_story(tmp_path):
    async with inside(tmp_path) as house:
        await house.services.inboxes.add("second@local.test")
        other = await house.services.bootstrap.run("other.test", "agent@other.test", "correct horse battery")
        queue_id = await house.receive(MESSAGE, ["agent@local.test", "second@local.test", "agent@other.test"])
        await house.settled()
        told = house.services.health.stories
        found = [await told.trace(text) for text in (queue_id, "<one@remote.test>")]
        for story in found:
            places = {line.facts["inbox"] for line in story.lines if line.what == "stored"}
            assert places == {"agent@local.test", "second@local.test", "agent@other.test"}
            assert all(queue_id in line.facts["received"] for line in story.lines if line.what == "stored")
            assert whats(story).count("event message.received") == 3
        rows = await told.find(Sought(sender="a@remote.test", inbox_id=other.inbox.id))
        assert [row.inbox for row in rows] == ["agent@other.test"]
        assert (await told.one("one@remote.test")).message_id == identifiers.decode(Kind.MESSAGE, queue_id)


async def test_what_takes_too_long_is_a_gap_and_no_story_less(tmp_path, monkeypatch):
    monkeypatch.setattr(stories, "SEARCH_SECONDS", -1.0)
    monkeypatch.setattr(stories, "FIND_SECONDS", -1.0)
    async with inside(tmp_path) as house:
        queue_id = await house.receive(MESSAGE)
        await house.settled()
        await house.store.database.write(
            lambda tx: tx.execute(
                "INSERT INTO event(id, tenant_id, inbox_id, type, occurred_at, body) WITH RECURSIVE n(i) AS "
                "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i + ?, tenant_id, id, "
                "'message.sent', 1, '{}' FROM n, inbox",
                (identifiers.decode(Kind.MESSAGE, queue_id) + 1_000_000,),
            )
        )
        story = await house.services.health.stories.trace(queue_id)
        assert "stored" in whats(story)
        assert any("event log" in gap for gap in story.gaps)


async def test_what_is_no_id_is_said_to_be_none(tmp_path):
    async with inside(tmp_path) as house:
        for text in ("", "hello", "msg_1", "que_", "a b"):
            with pytest.raises(errors.Invalid):
                await house.services.health.stories.trace(text)
            with pytest.raises(errors.NotFound):
                await house.services.health.stories.one(text)
