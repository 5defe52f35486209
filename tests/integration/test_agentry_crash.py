"""What waits for its time in a server that is killed is sent, and sent once."""

import asyncio
import time
from datetime import UTC, datetime

from tests.support.server import running_server

INBOX = "/agent/v0/inboxes/agent@local.test"
DRAFTS = 30


async def test_scheduled_drafts_survive_being_killed_while_they_are_sent(tmp_path):
    async with running_server(tmp_path) as server:
        key = server.account["api_key"]
        async with server.session(key) as client:
            begun = time.monotonic()
            async with client.get(f"{INBOX}/drafts") as answer:
                assert answer.status == 200
            at = time.time() + 3 + 3 * DRAFTS * (time.monotonic() - begun)  # all are there before the first is due
            for number in range(DRAFTS):
                body = {
                    "to": "agent@local.test", "subject": f"n{number}", "text": "x",
                    "send_at": datetime.fromtimestamp(at + number * 0.05, UTC).isoformat(),
                }  # fmt: skip
                async with client.post(f"{INBOX}/drafts", json=body) as answer:
                    assert answer.status == 200, await answer.text()
        for moment in (0.4, 0.9, 1.3):
            await asyncio.sleep(max(at + moment - time.time(), 0))
            await server.kill()
            await server.start()
        async with server.session(key) as client, asyncio.timeout(60):
            while True:
                async with client.get(f"{INBOX}/drafts") as answer:
                    left = (await answer.json())["count"]
                async with client.get(f"{INBOX}/messages?direction=inbound&limit=200") as answer:
                    arrived = [each["subject"] for each in (await answer.json())["messages"]]
                if not left and len(arrived) >= DRAFTS:
                    break
                await asyncio.sleep(0.2)
            await asyncio.sleep(1)
            async with client.get(f"{INBOX}/messages?direction=outbound&limit=200") as answer:
                sent = [each["subject"] for each in (await answer.json())["messages"]]
            async with client.get(f"{INBOX}/messages?direction=inbound&limit=200") as answer:
                arrived = [each["subject"] for each in (await answer.json())["messages"]]
        wanted = sorted(f"n{number}" for number in range(DRAFTS))
        assert sorted(sent) == wanted
        assert sorted(arrived) == wanted
