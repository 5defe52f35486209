"""Sudden death under load, the short run; and proof that the harness would see what it looks for."""

import shutil
import smtplib

import pytest

from mailserver.storage import files
from tests.crash.account import account
from tests.crash.cycles import LEAST_IN, LEAST_OUT, run
from tests.crash.ledger import Answer
from tests.support import database_file
from tests.support.server import Server, environment

pytestmark = pytest.mark.timeout(300)


async def test_nothing_is_lost_or_doubled_by_kills_under_load_and_the_harness_would_see_it(tmp_path):
    seen = await run(tmp_path / "killed", cycles=6, seed=11)
    assert seen.findings.is_clean, seen.lines()
    assert seen.findings.accepted_in > LEAST_IN
    assert seen.findings.accepted_out > LEAST_OUT
    assert seen.findings.duplicates_out <= 20 * 6
    assert seen.broken == 0
    assert seen.exits == [0]

    token = min(seen.ledger.tokens("mx", answer=Answer.ACCEPTED))
    planted = tmp_path / "planted"
    shutil.copytree(seen.data, planted)
    assert account(planted, seen.ledger, seen.receiver).is_clean
    _, inbox_id = forget_row(planted, token)
    assert account(planted, seen.ledger, seen.receiver).lost_in == [token]

    other = sorted(seen.ledger.tokens("mx", answer=Answer.ACCEPTED))[1]
    with database_file.reading(planted) as database:
        row = database.execute("SELECT message_id FROM message_data WHERE subject = ?", (other,)).fetchone()
        place = planted / "mail" / files.location(inbox_id, row[0])
    content = bytearray(place.read_bytes())
    content[-3] ^= 1
    place.write_bytes(content)
    assert account(planted, seen.ledger, seen.receiver).damaged == [other]

    receiver_copy = seen.receiver.received[min(seen.ledger.tokens("api", answer=Answer.ACCEPTED))]
    receiver_copy.append((receiver_copy[0][0], "other bytes"))
    found = account(seen.data, seen.ledger, seen.receiver)
    assert found.changed
    assert found.duplicates_out > 0
    receiver_copy.pop()
    await deliver_again(tmp_path / "killed", other)
    assert account(seen.data, seen.ledger, seen.receiver).duplicates_in == [other]


def forget_row(data, token):
    with database_file.writing(data) as database:
        found = database.execute(
            "SELECT m.id, m.inbox_id FROM message m JOIN message_data d ON d.message_id = m.id WHERE d.subject = ?",
            (token,),
        ).fetchone()
        database.execute("DELETE FROM message WHERE id = ?", (found[0],))
    return found


async def deliver_again(directory, token):
    """A second copy of a message that the ledger knows, by the front door."""
    server = Server(directory, environment(directory))
    await server.start()
    content = f"From: alice@elsewhere.test\r\nSubject: {token}\r\nMessage-ID: <{token}@elsewhere.test>\r\n\r\nagain\r\n"
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.sendmail("alice@elsewhere.test", ["agent@local.test"], content)
    assert await server.stop() == 0


async def test_sigterm_under_load_loses_and_doubles_nothing_and_ends_with_zero(tmp_path):
    seen = await run(tmp_path, cycles=3, seed=12, gently=True)
    assert seen.findings.is_clean, seen.lines()
    assert seen.findings.duplicates_out == 0, seen.lines()
    assert set(seen.exits) == {0}
