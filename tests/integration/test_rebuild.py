"""A database that is lost or old: what the files alone give back."""

import asyncio

from tests.integration.test_story_api import compose, deliver, listed
from tests.support.server import running_server
from tests.support.waiting import until


async def test_a_lost_database_is_rebuilt_from_the_files(tmp_path):
    async with running_server(tmp_path) as server:
        for number in range(3):
            await asyncio.to_thread(deliver, server, compose(f"kept {number}"))
        async with server.session() as gent:

            async def three():
                rows = await listed(gent, folder="inbox")
                return rows if len(rows) == 3 else None

            before = await until(three)
            form = {"to": [{"email": "agent@local.test"}], "subject": "mine", "text_body": "x"}
            assert (await gent.post("/v1/messages/", json=form)).status == 201
            await until(lambda: four(gent))
    for leftover in (tmp_path / "data").glob("mailserver.db*"):
        leftover.unlink()
    server.account = {}
    await server.bootstrap()
    answer = await server.command("reindex", "--adopt")
    assert answer["adopted"] == 5
    assert answer["homeless"] == 0
    await server.start()
    async with server.session() as gent:
        rows = await listed(gent, folder="inbox")
        assert {row["subject"] for row in rows} == {"kept 0", "kept 1", "kept 2", "mine"}
        assert {row["id"] for row in before} <= {row["id"] for row in rows}
        assert all(row["flags"]["read"] for row in rows)
        assert [row["subject"] for row in await listed(gent, folder="sent")] == ["mine"]
        assert len(await listed(gent, q="kept")) == 3
    verified = await server.command("verify", "--deep")
    assert verified["ok"], verified
    again = await server.command("reindex", "--adopt")
    assert again["adopted"] == 0
    await server.stop()


async def four(client):
    rows = await listed(client, folder="inbox")
    return len(rows) == 4
