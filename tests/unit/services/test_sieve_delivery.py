"""Scripts and absence notices at delivery: where mail goes, who hears of it, and what a crash leaves."""

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind
from mailserver.entities.rule import Direction, ListType
from mailserver.entities.sieve import VacationResponse
from mailserver.mail import headers
from mailserver.storage import closing
from tests.support.inside import inside
from tests.support.zone import FakeResolver

MAIL = (
    b"From: Ann <a@remote.test>\r\nTo: agent@local.test\r\nSubject: Hello\r\nMessage-ID: <1@remote.test>\r\n\r\nHi.\r\n"
)


async def activate(house, script, inbox=None):
    inbox = inbox or house.account.inbox
    caller = await house.caller(inbox)
    made = await house.services.sieve.scripts.create(caller, inbox, None, script.encode(), activates=True)
    house.assembled.forget("accounts")
    return made


async def second(house, address="other@local.test"):
    made = await house.services.inboxes.add(address)
    house.assembled.forget("accounts")
    return made


async def placements(house, inbox=None):
    inbox = inbox or house.account.inbox
    return await house.rows(
        "SELECT f.name, m.flags, m.visibility FROM placement p JOIN folder f ON f.id = p.folder_id "
        "JOIN message m ON m.id = p.message_id WHERE m.inbox_id = ? ORDER BY m.id, f.name",
        inbox.id,
    )


async def deliveries(house):
    return await house.rows(
        "SELECT d.recipient, q.sender, q.source FROM delivery d JOIN queued q ON q.id = d.queued_id"
    )


async def letters(house, tmp_path):
    """The letters that were written, as (envelope sender, recipient, header, bytes)."""
    await house.services.sieve.desk.once()
    rows = await house.rows(
        "SELECT q.sender, d.recipient, q.location FROM queued q JOIN delivery d ON d.queued_id = q.id "
        "WHERE q.source = 'auto_answer' ORDER BY q.id"
    )
    found = []
    for sender, recipient, location in rows:
        raw = (tmp_path / "data" / "mail" / location).read_bytes()
        found.append((sender, recipient, headers.split(raw)[0], raw))
    return found


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path, authentication={"verify": False}, filter={"enabled": False}) as opened:
        yield opened


async def test_fileinto_puts_mail_into_a_folder_with_its_flags(house):
    await activate(
        house,
        'require ["fileinto", "imap4flags"]; if header :contains "subject" "hello"'
        ' { fileinto :flags ["\\\\Seen", "$Work"] "Archive"; }',
    )
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == [("Archive", 1, 0)]
    assert await house.rows("SELECT l.atom FROM message_label ml JOIN label l ON l.id = ml.label_id") == [("$work",)]
    assert await house.rows("SELECT unread_messages, total_messages FROM folder WHERE name = 'Archive'") == [(0, 1)]


async def test_fileinto_makes_a_folder_when_it_is_asked_to(house):
    await activate(house, 'require ["fileinto", "mailbox"]; fileinto :create "Lists/Python"; keep;')
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == [("Inbox", 0, 0), ("Python", 0, 0)]
    (row,) = await house.rows("SELECT p.name FROM folder f JOIN folder p ON p.id = f.parent_id WHERE f.name = 'Python'")
    assert row == ("Lists",)
    await house.receive(MAIL.replace(b"<1@", b"<2@"))
    await house.settled()
    made = "SELECT name, total_messages, unread_messages FROM folder WHERE role IS NULL ORDER BY name"
    assert await house.rows(made) == [("Lists", 0, 0), ("Python", 2, 2)]


async def test_a_folder_that_is_not_there_leaves_mail_in_the_inbox(house):
    await activate(house, 'require "fileinto"; fileinto "Nowhere";')
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == [("Inbox", 0, 0)]


async def test_a_script_that_files_into_junk_says_so_in_the_event(house):
    await activate(house, 'require ["fileinto", "special-use"]; fileinto :specialuse "\\\\Junk" "Spam";')
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == [("Junk", 0, 1)]
    assert ("message.received.spam",) in await house.rows("SELECT type FROM event")


async def test_discard_keeps_nothing_and_redirect_passes_on(house):
    await activate(house, "discard;")
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == []
    assert await deliveries(house) == []


async def test_redirect_leaves_by_a_rewritten_sender_and_keeps_no_copy(house):
    await activate(house, 'redirect "far@remote.test"; redirect "far@remote.test";')
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == []
    ((recipient, sender, source),) = await deliveries(house)
    assert (recipient, source) == ("far@remote.test", "forward")
    assert sender.startswith("SRS0=")


async def test_redirect_with_copy_keeps_one(house):
    await activate(house, 'require "copy"; redirect :copy "far@remote.test";')
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == [("Inbox", 0, 0)]
    assert len(await deliveries(house)) == 1


async def test_a_redirect_over_the_limit_leaves_the_message_in_the_inbox(tmp_path):
    async with inside(
        tmp_path, authentication={"verify": False}, filter={"enabled": False}, limits={"forwarded_per_hour": 1}
    ) as house:
        await activate(house, 'redirect "far@remote.test";')
        for number in (1, 2):
            await house.receive(MAIL.replace(b"<1@", b"<%d@" % number))
        await house.settled()
        assert len(await deliveries(house)) == 1
        assert await placements(house) == [("Inbox", 0, 0)]


async def test_a_redirect_to_the_inbox_itself_keeps_the_message(house):
    await activate(house, 'redirect "agent+tag@local.test";')
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == [("Inbox", 0, 0)]
    assert await deliveries(house) == []


async def test_what_was_redirected_and_comes_back_is_a_loop(house):
    await activate(house, 'redirect "far@remote.test";')
    with pytest.raises(errors.MessageLoop):
        await house.receive(b"Delivered-To: agent@local.test\r\n" + MAIL)


async def test_two_neighbours_who_redirect_to_each_other_end_with_one_copy(house):
    other = await second(house)
    await activate(house, 'redirect "other@local.test";')
    await activate(house, 'redirect "agent@local.test";', other)
    await house.receive(MAIL)
    await house.settled()
    ((delivery_id, location),) = await house.rows(
        "SELECT d.id, q.location FROM delivery d JOIN queued q ON q.id = d.queued_id"
    )
    path = house.store.directory / "mail" / location
    outcome = await house.assembled.local.deliver(path, "a@remote.test", "other@local.test", delivery_id)
    await house.settled()
    assert outcome.reply.code == 250
    assert await placements(house) == []
    assert await placements(house, other) == [("Inbox", 0, 0)]
    assert len(await deliveries(house)) == 1


async def test_two_inboxes_that_redirect_one_message_have_it_go_to_both_targets(house):
    other = await second(house)
    await activate(house, 'redirect "far@remote.test";')
    await activate(house, 'require "copy"; redirect :copy "near@remote.test";', other)
    await house.receive(MAIL, to=("agent@local.test", "other@local.test"))
    await house.settled()
    assert sorted(row[0] for row in await deliveries(house)) == ["far@remote.test", "near@remote.test"]
    assert await placements(house) == []
    assert await placements(house, other) == [("Inbox", 0, 0)]


async def test_a_script_decides_whether_an_inbox_that_forwards_keeps_a_copy(house):
    await house.services.forwards.set(house.account.inbox, "away@remote.test", keeps_copy=False)
    await activate(house, 'require "fileinto"; if header :is "subject" "keep" { fileinto "Archive"; }')
    await house.receive(MAIL)
    await house.receive(MAIL.replace(b"Hello", b"keep").replace(b"<1@", b"<2@"))
    await house.settled()
    assert [row[0] for row in await deliveries(house)] == ["away@remote.test", "away@remote.test"]
    assert await placements(house) == [("Archive", 0, 0)]


async def test_nobody_is_answered_in_the_place_of_a_forged_sender(tmp_path):
    zone = FakeResolver(txt={"remote.test": ["v=spf1 -all"], "honest.test": ["v=spf1 ip4:203.0.113.9 -all"]})
    async with inside(tmp_path, resolver=zone, filter={"enabled": False}) as house:
        await second(house)
        await activate(house, 'require "vacation"; vacation "Away.";')
        await house.receive(MAIL)
        await house.receive(MAIL.replace(b"remote", b"honest"), sender="a@honest.test")
        await house.settled()
        assert [to for _, to, *_ in await letters(house, tmp_path)] == ["a@honest.test"]
        await activate(house, 'require "reject"; reject "No.";')
        await house.receive(MAIL.replace(b"<1@", b"<2@"), to=("agent@local.test", "other@local.test"))
        await house.settled()
        assert len(await letters(house, tmp_path)) == 1
        assert len(await placements(house)) == 2


async def test_a_letter_that_cannot_be_written_keeps_no_other_waiting(house, tmp_path):
    await activate(house, 'require "vacation"; vacation "Away.";')
    await house.receive(MAIL)
    await house.settled()
    await house.store.database.write(
        lambda tx: tx.execute("INSERT INTO auto_letter SELECT 1, tenant_id, id, '{}' FROM inbox")
    )
    assert len(await letters(house, tmp_path)) == 1
    assert await house.rows("SELECT * FROM auto_letter") == []


async def test_a_message_that_everybody_rejects_is_refused_with_the_reason(house):
    await activate(house, 'require "reject"; reject "Not before May.";')
    with pytest.raises(errors.RefusedByRecipient, match="Not before May"):
        await house.receive(MAIL)
    with pytest.raises(errors.RefusedByRecipient):
        await house.receive(MAIL, sender=None)


async def test_a_message_that_one_of_two_rejects_is_answered_with_a_report(house, tmp_path):
    other = await second(house)
    await activate(house, 'require "ereject"; ereject "Nein, danke für nichts.";')
    await house.receive(MAIL, to=("agent@local.test", "other@local.test"))
    await house.settled()
    assert await placements(house) == []
    assert await placements(house, other) == [("Inbox", 0, 0)]
    ((sender, recipient, head, raw),) = await letters(house, tmp_path)
    assert (sender, recipient) == ("", "a@remote.test")
    assert head.text("auto-submitted") == "auto-replied"
    assert b"Final-Recipient: rfc822; agent@local.test" in raw
    assert b"Status: 5.7.1" in raw
    assert b"other@local.test" not in raw


async def test_nobody_is_told_of_a_rejection_that_has_no_sender(house, tmp_path):
    await second(house)
    await activate(house, 'require "reject"; reject "No.";')
    await house.receive(MAIL, to=("agent@local.test", "other@local.test"), sender=None)
    await house.settled()
    assert await placements(house) == []
    assert await letters(house, tmp_path) == []


async def test_a_script_that_fails_keeps_the_message(house):
    await activate(house, 'require ["fileinto", "variables", "reject"]; fileinto "Archive"; if true { reject "No."; }')
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == [("Inbox", 0, 0)]


async def test_the_body_of_a_large_message_is_looked_into(tmp_path):
    async with inside(
        tmp_path,
        authentication={"verify": False},
        filter={"enabled": False},
        storage={"spool_threshold_bytes": 65_536, "journal_segment_bytes": 4 << 20},
    ) as house:
        await activate(house, 'require ["body", "fileinto"]; if body :contains "needle" { fileinto "Archive"; }')
        await house.receive(MAIL + b"x\r\n" * 40_000 + b"needle\r\n")
        await house.receive(MAIL.replace(b"<1@", b"<2@") + b"y\r\n" * 40_000)
        await house.settled()
        assert [name for name, *_ in await placements(house)] == ["Archive", "Inbox"]


async def test_vacation_answers_a_sender_once_in_a_period(house, tmp_path):
    await activate(house, 'require "vacation"; vacation :days 2 :subject "Gone" "I am at the sea.";')
    for number in (1, 2):
        await house.receive(MAIL.replace(b"<1@", b"<%d@" % number))
    await house.receive(MAIL.replace(b"<1@", b"<3@"), sender="c@remote.test")
    await house.settled()
    found = await letters(house, tmp_path)
    assert [(sender, to) for sender, to, *_ in found] == [("", "a@remote.test"), ("", "c@remote.test")]
    head, raw = found[0][2:]
    assert head.text("subject") == "Gone"
    assert head.text("auto-submitted") == "auto-replied"
    assert head.text("in-reply-to") == "<1@remote.test>"
    assert head.text("to") == "a@remote.test"
    assert b"agent@local.test" in head.first("from")
    assert b"I am at the sea." in raw
    assert len(await placements(house)) == 3
    await house.store.database.write(lambda tx: tx.execute("UPDATE auto_answer SET until_at = 1"))
    await house.receive(MAIL.replace(b"<1@", b"<4@"))
    await house.settled()
    assert len(await letters(house, tmp_path)) == 3


@pytest.mark.parametrize(
    ("raw", "sender"),
    [
        (MAIL, None),
        (MAIL, "mailer-daemon@remote.test"),
        (MAIL, "owner-list@remote.test"),
        (MAIL, "list-request@remote.test"),
        (MAIL, "agent@local.test"),
        (MAIL.replace(b"To: agent@local.test", b"To: everybody@local.test"), "a@remote.test"),
        (b"Auto-Submitted: auto-replied\r\n" + MAIL, "a@remote.test"),
        (b"Precedence: bulk\r\n" + MAIL, "a@remote.test"),
        (b"List-Id: <l.remote.test>\r\n" + MAIL, "a@remote.test"),
    ],
)
async def test_vacation_never_answers_programs_lists_itself_or_what_was_not_meant_for_it(house, tmp_path, raw, sender):
    await activate(house, 'require "vacation"; vacation "I am at the sea.";')
    await house.receive(raw, sender=sender)
    await house.settled()
    assert await letters(house, tmp_path) == []
    assert len(await placements(house)) == 1


async def test_vacation_answers_what_is_addressed_to_a_further_address(house, tmp_path):
    await activate(house, 'require "vacation"; vacation :addresses "everybody@local.test" :mime text:\n'
                          'Content-Type: text/html\n\n<p>Away</p>\n.\n;')  # fmt: skip
    await house.receive(MAIL.replace(b"To: agent@local.test", b"To: everybody@local.test"))
    await house.settled()
    ((*_, head, raw),) = await letters(house, tmp_path)
    assert head.text("content-type") == "text/html"
    assert raw.endswith(b"\r\n\r\n<p>Away</p>\r\n")
    assert head.text("subject") == "Auto: Hello"


async def test_a_message_that_is_answered_and_discarded_is_still_answered(house, tmp_path):
    await activate(house, 'require "vacation"; vacation "Write to somebody else."; discard;')
    await house.receive(MAIL)
    await house.settled()
    assert await placements(house) == []
    assert len(await letters(house, tmp_path)) == 1


async def test_the_notice_of_an_inbox_answers_in_its_time(house, tmp_path):
    inbox, caller = house.account.inbox, await house.caller(house.account.inbox)
    absences = house.services.sieve.absences
    await absences.put(caller, inbox, VacationResponse(True, None, 1, "Over", "It is over."))
    house.assembled.forget("accounts")
    await house.receive(MAIL)
    await house.settled()
    assert await letters(house, tmp_path) == []
    await absences.put(caller, inbox, VacationResponse(True, 1, None, None, "Plain", "<p>Rich</p>"))
    house.assembled.forget("accounts")
    await house.receive(MAIL.replace(b"<1@", b"<2@"))
    await house.receive(MAIL.replace(b"<1@", b"<3@"))
    await house.settled()
    ((*_, head, raw),) = await letters(house, tmp_path)
    assert head.text("content-type").startswith("multipart/alternative")
    assert head.text("subject") == "Auto: Hello"
    assert b"<p>Rich</p>" in raw
    assert (await absences.get(caller, inbox)).html == "<p>Rich</p>"


async def test_an_answer_makes_nobody_known(house, tmp_path):
    await activate(house, 'require "vacation"; vacation "Away.";')
    await house.receive(MAIL)
    await house.settled()
    assert len(await letters(house, tmp_path)) == 1
    assert await house.rows("SELECT * FROM correspondent") == []


async def test_mail_from_a_neighbour_goes_through_the_script_too(house):
    other = await second(house)
    await activate(
        house, 'require ["fileinto", "reject"]; if header :is "subject" "no" { reject "No."; stop; }'
        ' fileinto "Archive";', other,
    )  # fmt: skip
    local = house.assembled.local
    await local.deliver(MAIL.replace(b"Hello", b"yes"), "agent@local.test", "other@local.test")
    refused = await local.deliver(MAIL.replace(b"Hello", b"no"), "agent@local.test", "other@local.test")
    await house.settled()
    assert [name for name, *_ in await placements(house, other)] == ["Archive"]
    assert (refused.reply.code, refused.reply.text) == (550, "No.")


async def test_what_an_inbox_has_blocked_goes_through_no_script(house):
    await activate(house, 'require "fileinto"; fileinto "Archive";')
    inbox = house.account.inbox
    await house.services.rules.add(await house.caller(inbox), inbox, Direction.RECEIVE, ListType.BLOCK, "a@remote.test")
    house.assembled.forget("rules")
    await house.receive(MAIL)
    await house.settled()
    assert [name for name, *_ in await placements(house)] == ["Junk"]


async def test_scripts_of_others_are_as_nobodys(house):
    made = await activate(house, "keep;")
    other = await second(house)
    scripts = house.services.sieve.scripts
    caller = await house.caller(other)
    text = identifiers.encode(Kind.SIEVE_SCRIPT, made.id)
    for attempt in (
        scripts.update(caller, other, text, name="x"), scripts.destroy(caller, other, text),
        scripts.activate(caller, other, text), scripts.content(caller, other, made.hash),
    ):  # fmt: skip
        with pytest.raises(errors.NotFound):
            await attempt


async def test_one_script_is_active_and_it_cannot_be_destroyed(house):
    inbox, scripts = house.account.inbox, house.services.sieve.scripts
    caller = await house.caller(inbox)
    first = await activate(house, "keep;")
    before = await scripts.state(inbox)
    second_one = await activate(house, "discard;")
    listed = {each.id: each.is_active for each in await scripts.all_of(caller, inbox)}
    assert listed == {first.id: False, second_one.id: True}
    text = identifiers.encode(Kind.SIEVE_SCRIPT, second_one.id)
    with pytest.raises(errors.Conflict):
        await scripts.destroy(caller, inbox, text)
    await scripts.activate(caller, inbox, None)
    await scripts.destroy(caller, inbox, text)
    assert await scripts.state(inbox) > before
    with pytest.raises(errors.Taken):
        await scripts.create(caller, inbox, first.name, b"stop;")
    with pytest.raises(errors.BadScript, match=r"Line 2: .*fileinto"):
        await scripts.create(caller, inbox, "bad", b'keep;\nfileinto "x";')
    assert await scripts.content(caller, inbox, first.hash) == b"keep;"


async def test_who_may_not_send_cannot_let_a_script_send(house):
    inbox, scripts = house.account.inbox, house.services.sieve.scripts
    caller = await house.caller(inbox)
    weak = type(caller)(caller.tenant_id, caller.credential, 1, caller.scopes - {"email:send"}, inbox.id)
    await scripts.create(weak, inbox, "harmless", b"keep;")
    with pytest.raises(errors.Forbidden):
        await scripts.create(weak, inbox, "harmful", b'redirect "far@remote.test";')


async def test_a_closed_inbox_takes_its_scripts_along(house):
    other = await second(house)
    await activate(house, 'require "vacation"; vacation "x";', other)
    await house.receive(MAIL.replace(b"To: agent", b"To: other"), to=("other@local.test",))
    await house.settled()
    await house.store.database.write(closing.close, other.id, 1)
    while not await house.store.database.write(closing.purge, other.id, 100, 1):
        pass
    for table in ("sieve_script", "vacation_response", "auto_answer", "auto_letter"):
        assert await house.rows(f"SELECT * FROM {table}") == []
