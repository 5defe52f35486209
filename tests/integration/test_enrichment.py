"""Enrichment in a real appliance: mail by SMTP, suggestions by HTTP, and a process that is killed in between."""

import asyncio
import os
import signal
import smtplib

from tests.support import database_file
from tests.support.enriched import ALL_ON
from tests.support.server import running_server

COUNT = 120


def deliver(server, count):
    """Deliver so many, and kill the server before it has read the last."""
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        for number in range(count):
            text = f"The call is on {number % 28 + 1} June 2030 at 15:00."
            client.sendmail("a@remote.test", ["agent@local.test"], f"Subject: call {number}\r\n\r\n{text}\r\n")
        os.kill(server.pid, signal.SIGKILL)


async def suggested(client):
    async with client.get("/v1/messages/?limit=200") as answer:
        found = (await answer.json())["results"]
    return [row["event_suggestion"]["start"] for row in found if row["event_suggestion"]]


def rows(server, table):
    """How many rows the database file has."""
    with database_file.reading(server.directory / "data") as database:
        return database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]


async def test_what_a_killed_process_did_not_read_is_read_by_the_next(tmp_path):
    async with running_server(tmp_path) as server:
        async with server.session() as client, client.put("/v1/enrichment/", json={"features": ALL_ON}) as answer:
            assert answer.status == 200, await answer.text()
        await asyncio.to_thread(deliver, server, COUNT)
        await server.kill()
        assert rows(server, "event_suggestion") < COUNT  # it was in the middle
        await server.start()
        async with server.session() as client, asyncio.timeout(100):
            while (
                len(await suggested(client)) < COUNT - rows(server, "enrichment_request")
                or rows(server, "enrichment_request") > 1
            ):
                await asyncio.sleep(0.2)
            found = await suggested(client)
            # One may have been in hand: it is due again when its lease has run out, in three minutes.
            assert len(found) >= COUNT - 1
            assert len(found) + rows(server, "enrichment_request") == COUNT
            assert set(found) <= {f"2030-06-{day:02}T15:00:00Z" for day in range(1, 29)}
