"""What mail clients and API clients send, and what they are refused."""

import asyncio
from dataclasses import replace

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.access import ALL_SCOPES, Scope
from mailserver.entities.delivery import Delivered, Failed, FailureKind, State
from mailserver.entities.identifiers import Kind
from mailserver.mail.address import Person
from mailserver.mail.compose import File
from mailserver.mail.reply import Reply
from mailserver.services.outbound import send
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable
from mailserver.storage import files
from tests.support.inside import inside

BOB = Person("bob@remote.test", "Bob")
HEAD = b"From: Agent <agent@local.test>\r\nTo: bob@remote.test\r\nSubject: Hi\r\n"


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path) as opened:
        yield opened


async def stored(house, text):
    """The bytes behind an id, and who is to get them."""
    await house.settled()
    number = identifiers.decode(Kind.MESSAGE, text)
    inbox_id = house.account.inbox.id
    recipients = await house.rows("SELECT recipient FROM delivery ORDER BY id")
    return house.store.files.read(files.location(inbox_id, number)), [row[0] for row in recipients]


async def sending(house, outgoing, repeatable=None, inbox=None):
    inbox = inbox or house.account.inbox
    return await house.services.sending.send(await house.caller(inbox), inbox, outgoing, repeatable)


# -- submission ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"From: ceo@bank.test\r\n",
        b"From: agent@local.test, ceo@bank.test\r\n",
        b"From: agent@local.test\r\nFrom: ceo@bank.test\r\n",
        b"From: agent@local.test\r\nSender: ceo@bank.test\r\n",
        b"From: agent@local.test\r\nResent-From: ceo@bank.test\r\n",
        b"From: agent@local.test\r\nResent-Sender: ceo@bank.test\r\n",
        b"From: second@local.test\r\n",
        b'From: "agent@local.test" <ceo@bank.test>\r\n',
        b"From: agent@local.test <ceo@bank.test>\r\n",
        b"From: =?utf-8?q?agent=40local.test?= <ceo@bank.test>\r\n",
        b"From: agent@local.test.bank.test\r\n",
        b"From: undisclosed:;\r\n",
        b"From:\r\n",
        b"Subject: nobody\r\n",
        b"From: agent@local.test\r\nfrom : ceo@bank.test\r\n",
    ],
)  # fmt: skip
async def test_a_foreign_or_unclear_author_is_refused(house, head):
    await house.services.inboxes.add("second@local.test")
    with pytest.raises(errors.SenderNotOwned):
        await house.submit(head + b"\r\nHello.\r\n", house.account.inbox)
    await house.settled()
    assert await house.rows("SELECT id FROM queued") == []


@pytest.mark.parametrize(
    "junk",
    [b"X: y\r\n" * 1001, b"X: " + b"y" * 900 + b"\r\n", b"--boundary\r\n", b"this is no field\r\n"],
    ids=["many", "long", "delimiter", "no field"],
)
async def test_a_second_author_cannot_hide_behind_what_is_not_read(house, junk):
    junk = junk * 160 if junk.startswith(b"X: y" * 2) or len(junk) == 905 else junk
    raw = b"From: agent@local.test\r\n" + junk + b"From: ceo@bank.test\r\nBcc: secret@x.test\r\n\r\nHello.\r\n"
    with pytest.raises((errors.Invalid, errors.SenderNotOwned)):
        await house.submit(raw, house.account.inbox)


@pytest.mark.parametrize(
    "author", [b"agent@local.test", b"Agent+Tag@Local.Test", b"alias@local.test", b'"A, B" <agent@local.test>']
)
async def test_the_login_s_own_addresses_may_author(house, author):
    await house.services.inboxes.add_alias(house.account.inbox, "alias@local.test")
    text = await house.submit(
        HEAD.replace(b"Agent <agent@local.test>", author) + b"\r\nHello.\r\n", house.account.inbox
    )
    raw, recipients = await stored(house, text)
    assert b"From: " + author in raw
    assert recipients == ["b@remote.test"]


@pytest.mark.parametrize(
    "blind",
    [
        b"Bcc: secret@x.test\r\n",
        b"bCC : secret@x.test\r\n",
        b"Bcc:\r\n secret@x.test,\r\n\tother-secret@x.test\r\n",
        b"Resent-Bcc: secret@x.test\r\nBcc: secret2@x.test\r\n",
        b"Bcc: secret@x.test\r\nX-Kept: yes\r\nBcc: secret2@x.test\r\n",
    ],
)
@pytest.mark.parametrize("size", [10, 2_000_000])
async def test_bcc_is_removed_however_it_is_written_and_nothing_else_is(house, blind, size):
    body = b"Bcc: this line stays, it is text\r\n" + b"x" * size + b"\r\n"
    text = await house.submit(
        HEAD + blind + b"X-After: yes\r\n\r\n" + body, house.account.inbox, to=["bob@remote.test", "secret@x.test"]
    )
    raw, recipients = await stored(house, text)
    head, _, rest = raw.partition(b"\r\n\r\n")
    assert b"secret" not in head
    assert b"bcc" not in head.lower()
    assert b"X-After: yes" in head
    assert (b"X-Kept" in blind) == (b"X-Kept: yes" in head)
    assert rest == body
    assert recipients == ["bob@remote.test", "secret@x.test"]
    assert (await house.rows("SELECT size FROM message"))[0][0] == len(raw)
    assert (await house.services.integrity.verify(deep=True))["ok"]


async def test_what_clients_leave_out_is_added_and_what_they_wrote_stays(house):
    raw, _ = await stored(house, await house.submit(HEAD + b"\r\nHello.\r\n", house.account.inbox))
    head = raw.partition(b"\r\n\r\n")[0].lower()
    assert head.count(b"\r\nmessage-id: <") == 1
    assert head.count(b"\r\ndate: ") == 1
    own = b"Date: Sat, 1 Jan 2022 00:00:00 +0000\r\nMessage-ID: <mine@local.test>\r\n"
    raw, _ = await stored(house, await house.submit(HEAD + own + b"\r\nHello.\r\n", house.account.inbox))
    assert own in raw
    assert raw.lower().count(b"message-id:") == 1


@pytest.mark.parametrize("hide", [True, False])
async def test_the_client_s_address_is_shown_only_where_the_setting_says_so(tmp_path, hide):
    async with inside(tmp_path, smtp={"hide_client_address": hide}) as house:
        raw, _ = await stored(house, await house.submit(HEAD + b"\r\nHello.\r\n", house.account.inbox))
        assert (b"203.0.113.9" in raw) is not hide
        assert (b"laptop" in raw) is not hide
        assert raw.startswith(b"Received: ")


@pytest.mark.parametrize("size", [10, 2_000_000])
async def test_without_a_sent_copy_the_file_goes_after_the_last_delivery(tmp_path, size):
    async with inside(tmp_path, smtp={"save_sent": False}) as house:
        raw = HEAD + b"\r\n" + b"x" * size + b"\r\n"
        await house.submit(raw, house.account.inbox, to=["a@remote.test", "b@remote.test"])
        await house.settled()
        assert await house.rows("SELECT id FROM message") == []
        (place,) = house.store.files.places()
        assert house.store.files.read(place).endswith(raw)
        jobs = await house.services.queue.page()
        for number, job in enumerate(jobs):
            await house.services.integrity.sweep()
            assert list(house.store.files.places()) == [place], number
            outcome = Delivered(1, "mx", Reply(250, "2.0.0", "ok"))
            await house.store.database.write(house.assembled.outcomes.record, job.message, job.deliveries[0], outcome)
        await house.services.integrity.sweep()
        assert list(house.store.files.places()) == []


async def test_a_deleted_sent_copy_stays_on_the_disk_while_the_queue_needs_it(house):
    sent = await sending(house, Outgoing(to=(BOB,), subject="Hi", text="Hello."))
    text = identifiers.encode(Kind.MESSAGE, sent.message_id)
    caller = await house.caller(house.account.inbox)
    for _ in range(2):
        await house.services.messages.delete(caller, house.account.inbox, text)
    await house.services.integrity.sweep()
    (place,) = house.store.files.places()
    (job,) = await house.services.queue.page()
    assert job.message.location == place
    outcome = Failed(1, FailureKind.REFUSED, Reply(550, "5.1.1", "no"))
    await house.store.database.write(house.assembled.outcomes.record, job.message, job.deliveries[0], outcome)
    await house.services.integrity.sweep()
    assert list(house.store.files.places()) == []


async def test_a_recipient_named_twice_gets_one_copy(house):
    to = ["Bob@remote.test", "bob@REMOTE.test", "carol@remote.test"]
    await house.submit(HEAD + b"\r\nHello.\r\n", house.account.inbox, to=to)
    await house.settled()
    assert [row[0] for row in await house.rows("SELECT recipient FROM delivery ORDER BY id")] == [
        "Bob@remote.test", "carol@remote.test"
    ]  # fmt: skip


async def test_a_login_without_the_right_to_send_may_not(house):
    inbox = house.account.inbox
    caller = await house.caller(inbox)
    for worse in (
        replace(caller, scopes=ALL_SCOPES - {Scope.EMAIL_SEND}),
        replace(caller, requires_approval=frozenset({Scope.EMAIL_SEND})),
    ):
        with pytest.raises(errors.Forbidden):
            await house.services.submission.may_send(worse, None)
        with pytest.raises(errors.Forbidden):
            await house.services.sending.send(worse, inbox, Outgoing(to=(BOB,), text="x"))


# -- the API's way ------------------------------------------------------------------------------------------------


def key(word="key", body="body"):
    return Repeatable(word, send.fingerprint("gent", "/v1/messages/", body))


async def test_the_same_request_again_sends_nothing_more(house):
    outgoing = Outgoing(to=(BOB,), subject="Hi", text="Hello.")
    first = await sending(house, outgoing, key())
    assert await sending(house, outgoing, key()) == first
    with pytest.raises(errors.Conflict):
        await sending(house, outgoing, key(body="another"))
    assert len(await house.rows("SELECT id FROM delivery")) == 1


async def test_the_same_request_many_times_at_once_is_one_message(house):
    outgoing = Outgoing(to=(BOB,), subject="Hi", text="Hello.")
    answers = await asyncio.gather(*(sending(house, outgoing, key()) for _ in range(8)))
    assert len(set(answers)) == 1
    for table in ("message", "delivery", "queued", "idempotency"):
        assert await house.rows(f"SELECT COUNT(*) FROM {table}") == [(1,)], table
    assert await house.rows("SELECT type FROM event") == [("message.sent",)]
    assert (await house.services.integrity.verify())["ok"]


async def test_one_inbox_s_key_says_nothing_to_another(house):
    second = await house.services.inboxes.add("second@local.test")
    outgoing = Outgoing(to=(BOB,), subject="Hi", text="Hello.")
    first = await sending(house, outgoing, key())
    other = await sending(house, outgoing, key(body="another"), inbox=second)
    assert other.message_id != first.message_id


@pytest.mark.parametrize("word", ["", "x" * 256, "a\nb", "a\0b"])
async def test_a_key_that_is_none_is_refused(house, word):
    with pytest.raises(errors.Invalid):
        await sending(house, Outgoing(to=(BOB,), text="x"), key(word))


async def test_a_suppressed_recipient_gets_nothing_and_the_answer_says_so(house):
    first = await sending(house, Outgoing(to=(BOB,), text="x"))
    assert first.suppressed == ()
    (job,) = await house.services.queue.page()
    refused = Failed(1, FailureKind.REFUSED, Reply(550, "5.1.1", "no"))
    await house.store.database.write(house.assembled.outcomes.record, job.message, job.deliveries[0], refused)
    to = (Person("BOB@Remote.Test"), Person("bob+tag@remote.test"), Person("carol@remote.test"))
    second = await sending(house, Outgoing(to=to, text="x"))
    assert second.suppressed == ("BOB@remote.test", "bob+tag@remote.test")
    rows = await house.rows("SELECT recipient, state FROM delivery WHERE queued_id != ?", job.message.id)
    assert dict(rows) == {
        "BOB@remote.test": State.SUPPRESSED, "bob+tag@remote.test": State.SUPPRESSED, "carol@remote.test": State.QUEUED,
    }  # fmt: skip
    assert (await house.rows("SELECT open_deliveries FROM queued ORDER BY id"))[-1] == (1,)
    assert await house.services.suppressions.remove(house.account.inbox.id, "bob@remote.test")
    assert (await sending(house, Outgoing(to=(BOB,), text="x"))).suppressed == ()
    with pytest.raises(errors.Invalid):
        await house.services.suppressions.remove(house.account.inbox.id, "not an address")


async def test_too_many_recipients_are_refused_and_each_address_counts_once(house):
    many = tuple(Person(f"r{number}@remote.test") for number in range(51))
    with pytest.raises(errors.Invalid) as caught:
        await sending(house, Outgoing(to=many, text="x"))
    assert "to" in caught.value.fields
    await sending(house, Outgoing(to=many[:50], cc=many[:50], bcc=many[:50], text="x"))
    assert await house.rows("SELECT COUNT(*) FROM delivery") == [(50,)]


EVIL = "x\r\nBcc: evil@x.test"


def with_file(**fields):
    return Outgoing(to=(BOB,), text="x", attachments=(File("ok.txt", "text/plain", b"x"), File(**fields)))


def a_file(**fields):
    return {"filename": "a.txt", "content_type": "text/plain", "content": b"x"} | fields


@pytest.mark.parametrize("evil", [EVIL, "a\nb", "a\rb", "a\0b", "a\x1bb", "a\x7fb", "a\ud800b"], ids=ascii)
@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("subject", lambda evil: Outgoing(to=(BOB,), text="x", subject=evil)),
        ("to", lambda evil: Outgoing(to=(Person("bob@remote.test", evil),), text="x")),
        ("cc", lambda evil: Outgoing(to=(BOB,), cc=(Person("bob@remote.test", evil),), text="x")),
        ("bcc", lambda evil: Outgoing(to=(BOB,), bcc=(Person("bob@remote.test", evil),), text="x")),
        ("reply_to", lambda evil: Outgoing(to=(BOB,), reply_to=(Person("bob@remote.test", evil),), text="x")),
        ("to", lambda evil: Outgoing(to=(Person(f"bob@remote.test{evil}"),), text="x")),
        ("reply_to", lambda evil: Outgoing(to=(BOB,), reply_to=(Person(f"{evil}@remote.test"),), text="x")),
        ("attachments.1.filename", lambda evil: with_file(**a_file(filename=evil))),
        ("attachments.1.content_type", lambda evil: with_file(**a_file(content_type=evil))),
        ("attachments.1.content_id", lambda evil: with_file(**a_file(content_id=evil, disposition="inline"))),
        ("headers.X-Fine", lambda evil: Outgoing(to=(BOB,), text="x", headers=(("X-Fine", evil),))),
        ("headers.{}", lambda evil: Outgoing(to=(BOB,), text="x", headers=((f"X-{evil}", "fine"),))),
        ("labels", lambda evil: Outgoing(to=(BOB,), text="x", labels=(evil,))),
    ],
)  # fmt: skip
async def test_what_would_break_out_of_its_header_is_refused_by_name(shared, field, make, evil):
    with pytest.raises(errors.Invalid) as caught:
        await sending(shared, make(evil))
    assert list(caught.value.fields) == [field.format(f"X-{evil}")]
    assert await shared.rows("SELECT COUNT(*) FROM queued") == [(0,)]


@pytest.mark.parametrize(
    "name",
    ["", "X Y", "X:Y", "Ünicode", "x" * 65, "From", "to", "BCC", "Message-ID", "Received", "DKIM-Signature",
     "Content-Type", "Return-Path", "MIME-Version", "Resent-Bcc"],
)  # fmt: skip
async def test_a_header_that_is_ours_or_no_name_is_refused(shared, name):
    with pytest.raises(errors.Invalid) as caught:
        await sending(shared, Outgoing(to=(BOB,), text="x", headers=((name, "value"),)))
    assert list(caught.value.fields) == [f"headers.{name}"]


@pytest.fixture(scope="module")
def shared_directory(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
async def shared(shared_directory):
    async with inside(shared_directory / "house", bootstrap=True) as house:
        yield house


async def test_a_custom_header_of_any_letters_arrives_as_it_was_written(house):
    headers = (("X-Campaign", "grün 💚 " * 40), ("List-Unsubscribe", "<https://x.test/u>"))
    sent = await sending(house, Outgoing(to=(BOB,), text="x", headers=headers))
    raw, _ = await stored(house, identifiers.encode(Kind.MESSAGE, sent.message_id))
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"List-Unsubscribe: <https://x.test/u>\r\n" in raw


async def test_a_reply_to_a_hostile_original_is_sent(house):
    raw = (
        b"From: =?utf-8?q?Eve=0D=0ABcc=3A_x?= <eve@remote.test>\r\nTo: agent@local.test\r\n"
        b"Subject: =?utf-8?q?Hi=0D=0ABcc=3A_evil=40x.test?=\r\nMessage-ID: <m1@remote.test>\r\n\r\nHello.\r\n"
    )
    text = await house.receive(raw)
    await house.settled()
    caller = await house.caller(house.account.inbox)
    original = await house.services.messages.get(caller, text)
    sent = await sending(house, Outgoing(text="Thanks.", reply_to_message=original))
    written, recipients = await stored(house, identifiers.encode(Kind.MESSAGE, sent.message_id))
    head = written.partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc" not in head
    assert recipients == ["eve@remote.test"]
    assert b"In-Reply-To: <m1@remote.test>" in head
    assert sent.thread_id == original.thread_id
    ((flags,),) = await house.rows("SELECT flags FROM message WHERE id = ?", original.id)
    assert flags & 4


async def test_bcc_of_the_api_is_in_no_copy(house):
    bcc = (Person("secret@remote.test", "Secret"),)
    sent = await sending(house, Outgoing(to=(BOB,), bcc=bcc, text="x"))
    raw, recipients = await stored(house, identifiers.encode(Kind.MESSAGE, sent.message_id))
    assert b"secret" not in raw.lower()
    assert recipients == ["bob@remote.test", "secret@remote.test"]


# -- what is forgotten, and what is never answered ----------------------------------------------------------------


async def test_a_report_from_nobody_is_not_answered_unless_an_address_is_named(house):
    await house.receive(b"From: MAILER-DAEMON@remote.test\r\nSubject: Undelivered\r\n\r\nx\r\n", sender=None)
    await house.settled()
    caller = await house.caller(house.account.inbox)
    ((number,),) = await house.rows("SELECT id FROM message")
    original = await house.services.messages.get(caller, identifiers.encode(Kind.MESSAGE, number))
    with pytest.raises(errors.Invalid, match="came from nobody"):
        await sending(house, Outgoing(text="Why?", reply_to_message=original))
    await sending(house, Outgoing(to=(BOB,), text="Look at this.", reply_to_message=original))


async def test_finished_mail_is_forgotten_after_a_month_and_open_mail_never(house):
    await sending(house, Outgoing(to=(BOB,), text="old and finished"))
    await sending(house, Outgoing(to=(BOB,), text="old and open"))
    await sending(house, Outgoing(to=(BOB,), text="new and finished"))
    month = 31 * 86_400_000

    def age(tx):
        ids = [row[0] for row in tx.all("SELECT id FROM queued ORDER BY id")]
        tx.execute("UPDATE queued SET open_deliveries = 1 WHERE id = ?", [ids[1]])
        tx.execute("UPDATE queued SET open_deliveries = 0 WHERE id IN (?, ?)", [ids[0], ids[2]])
        tx.execute("UPDATE queued SET created_at = created_at - ? WHERE id IN (?, ?)", [month, ids[0], ids[1]])
        return ids

    ids = await house.store.database.write(age)
    assert await house.services.queue.trim() == 1
    assert [row[0] for row in await house.rows("SELECT id FROM queued ORDER BY id")] == ids[1:]
    assert len(await house.rows("SELECT id FROM delivery")) == 2


async def test_an_answer_to_a_repeated_call_is_forgotten_after_a_day(house):
    await sending(house, Outgoing(to=(BOB,), text="x"), Repeatable("key", "print"))
    await house.services.sending.forget()
    assert len(await house.rows("SELECT key FROM idempotency")) == 1
    await house.store.database.write(lambda tx: tx.execute("UPDATE idempotency SET created_at = created_at - 90000000"))
    await house.services.sending.forget()
    assert await house.rows("SELECT key FROM idempotency") == []
