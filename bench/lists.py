"""P16: every list that people and applications page through, at a hundred thousand rows, through the API.

The rows are written into the tables of a stopped server, shaped as the services write them.
"""

import argparse
import asyncio
import json
import sqlite3
import time

from bench import sides
from bench.store import tell, timed
from mailserver.entities.identifiers import first_at
from tests.support import server

ROWS = 100_000
GOAL_MS = 10


def rows(tenant, inbox, count):
    """What each table is filled with: (statement, rows)."""
    now = int(time.time() * 1000)
    first = first_at(now - 80 * 86_400_000)
    numbers = [first + n for n in range(count)]
    yield (
        "INSERT INTO contact(id, tenant_id, inbox_id, full_name, emails, phones, notes, anniversaries, created_at, "
        "updated_at) VALUES (?, ?, ?, ?, ?, '[]', NULL, '[]', ?, ?)",
        [(n, tenant, inbox, f"Name {n}", json.dumps([[f"c{n}@remote.test", None]]), now, now) for n in numbers],
    )
    yield (
        "INSERT INTO task(id, tenant_id, inbox_id, calendar_id, summary, due_at, completed_at, source, created_at, "
        "updated_at) VALUES (?, ?, ?, 1, ?, ?, ?, 'manual', ?, ?)",
        [(n, tenant, inbox, f"Task {n}", now + n % 1000, now if n % 2 else None, now, now) for n in numbers],
    )
    yield (
        "INSERT INTO commitment(id, tenant_id, inbox_id, contact_address, text, owner, status, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, 'Send it', 'us', ?, ?, ?)",
        [(n, tenant, inbox, f"c{n % 1000}@remote.test", "open" if n % 2 else "done", now, now) for n in numbers],
    )
    yield (
        "INSERT INTO event(id, tenant_id, inbox_id, type, occurred_at, body) VALUES (?, ?, ?, ?, ?, '{}')",
        [(n, tenant, inbox, "message.sent" if n % 50 else "message.bounced", now) for n in numbers],
    )
    yield (
        "INSERT INTO audit(id, tenant_id, occurred_at, actor, actor_kind, action, object_id, inbox_id, detail) "
        "VALUES (?, ?, ?, 'usr_1', 'session', ?, 'x', ?, '{}')",
        [(n, tenant, now, "token.created" if n % 50 else "user.created", inbox) for n in numbers],
    )


LISTS = (
    ("contacts, a page", "/v1/contacts/", {}),
    ("contacts, from the middle", "/v1/contacts/", {"position": str(ROWS // 2)}),
    ("tasks, a page", "/v1/tasks/", {}),
    ("tasks that are open", "/v1/tasks/", {"completed": "false"}),
    ("the agenda", "/v1/agenda/", {}),
    ("commitments that are open", "/v1/commitments/", {"status": "open"}),
    ("the event log", "/v1/events/", {}),
    ("the event log, a rare type", "/v1/events/", {"type": "message.bounced"}),
    ("the audit log", "/v1/audit/", {}),
    ("the audit log, a rare type", "/v1/audit/", {"type": "user.created"}),
)


async def run(times, count):
    directory = sides.fresh("lists")
    async with server.running_server(directory) as running:
        await running.stop()
        with sqlite3.connect(directory / "data" / "mailserver.db") as database:
            tenant, inbox = database.execute("SELECT tenant_id, id FROM inbox ORDER BY id LIMIT 1").fetchone()
            for statement, values in rows(tenant, inbox, count):
                database.executemany(statement, values)
        await running.start(120)
        print(f"P16: pages of 50 of lists of {count} rows:")
        async with running.session(running.account["session_token"]) as session:
            for what, where, asked in LISTS:
                found = await timed(session, where, times, limit="50", **asked)
                tell(what, found, GOAL_MS if "middle" not in what else None)


def main():
    parser = argparse.ArgumentParser(prog="bench.lists")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    asyncio.run(run(100 if asked.quick else 300, ROWS))


if __name__ == "__main__":
    main()
