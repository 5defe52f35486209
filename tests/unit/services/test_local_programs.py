"""What programs of this machine may say when they send, and what is made of it."""

import pytest

from mailserver.admin.local_programs import ProgramVerbs
from mailserver.entities import errors
from mailserver.entities.access import Caller
from mailserver.services.accounts.inbox_keeping import InboxChange
from tests.support.inside import inside

LETTER = b"From: root\nTo: b@remote.test\nSubject: x\n\nhello\n"


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path, sendmail={"inbox": "agent@local.test"}) as opened:
        yield opened


async def send(house, content=LETTER, **given):
    return await ProgramVerbs(house.services).run("sendmail", {"reads_header": True, **given, "content": content})


@pytest.mark.parametrize(
    "given",
    [
        {"notify": "NEVER BODY=8BITMIME"},
        {"notify": "NEVER\r\nRCPT TO:<c@remote.test>"},
        {"notify": 3},
        {"ret": "FULL X=Y"},
        {"envid": "a\r\nb"},
        {"envid": "x" * 101},
        {"recipients": 7},
        {"recipients": [7]},
        {"sender": {"a": 1}},
        {"full_name": "x" * 1_001},
    ],
    ids=str,
)
async def test_nothing_of_a_request_reaches_an_smtp_command_as_it_came(house, given):
    with pytest.raises(errors.Invalid):
        await send(house, **given)
    await house.settled()
    assert await house.rows("SELECT COUNT(*) FROM queued") == [(0,)]


async def test_what_is_asked_of_reports_is_written_as_smtp_has_it(house):
    await send(house, notify="success,delay", ret="HDRS", envid="a b+c")
    await house.settled()
    assert await house.rows("SELECT ret, envid FROM queued") == [("HDRS", "a+20b+2Bc")]
    assert await house.rows("SELECT notify FROM delivery") == [("SUCCESS,DELAY",)]


async def test_names_that_no_header_may_have_become_ones_that_it_may(house):
    await send(house, b"From: =?utf-8?q?a=0Ab?= <root@elsewhere.test>\nTo: b@remote.test\nSubject: x\n\nx\n")
    await send(house, full_name="evil\r\nBcc: c@remote.test")
    await house.settled()
    people = [row[0] for row in await house.rows("SELECT people FROM message_data ORDER BY message_id")]
    assert '["agent@local.test","ab"]' in people[0]
    assert "evil Bcc: c@remote.test" in people[1]
    assert await house.rows("SELECT COUNT(*) FROM delivery") == [(2,)]


async def test_a_paused_inbox_and_too_many_recipients_are_refused(house):
    many = b"To: " + b",\n ".join(b"p%d@remote.test" % number for number in range(1_001)) + b"\n\nx\n"
    with pytest.raises(errors.TooLarge):
        await send(house, many)
    inbox = await house.services.inboxes.at("agent@local.test")
    owner = Caller.operator(inbox.tenant_id)
    await house.services.inbox_keeping.change(owner, inbox, InboxChange(status="paused"))
    with pytest.raises(errors.Conflict, match="paused"):
        await send(house)
