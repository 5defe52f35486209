"""Messages that nobody should write: taken or refused for a reason, listed, shown, and handed back as they came."""

import asyncio
import re
import socket
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import awkward
from tests.support.server import running_server

VECTORS = Path(__file__).parents[1] / "vectors" / "mime-enmime"
DEFINITE = re.compile(rb"(250 2|[45]\d\d [45])\.\d{1,3}\.\d{1,3} ")
QUERIES = (
    '"', '""', '"""', "'", "-x", "- x", "NEAR(", "NEAR(a b, 3)", "*", "**", "a*", "^", "^a", "AND", "OR NOT", "a AND",
    "subject:x", "inbox:1", "{a b}:c", "a+b", "(", ")", "()", "👩‍👩‍👧‍👦", "x" * 1000, "a " * 500, "\0", "a\0b",
    "%", "_", "\\", "'; DROP TABLE message; --", "<script>", "\u202e", "\ud7ff", "=?utf-8?q?x?=", " ", "\t\n", "é",
    "e\u0301", "..", "/",
)  # fmt: skip


def vectors():
    """Every message of enmime's, with the line ends that mail has."""
    for path in sorted(VECTORS.rglob("*.raw")):
        yield path.stem, re.sub(rb"\r\n|\r|\n", b"\r\n", path.read_bytes())


class Peer:
    """A server that sends us one message after another."""

    def __init__(self, address):
        self.address, self.connection, self.replies = address, None, None

    def send(self, content):
        """By DATA; what the server finally says."""
        if self.connection is None:
            self.connection = socket.create_connection(self.address, timeout=60)
            self.replies = self.connection.makefile("rb")
            self._reply()
            self._command(b"EHLO peer.test")
        for command in (b"MAIL FROM:<a@remote.test> BODY=8BITMIME", b"RCPT TO:<agent@local.test>", b"DATA"):
            assert self._command(command)[:1] in b"23"
        stuffed = re.sub(rb"(?m)^\.", b"..", content)
        self.connection.sendall(stuffed + b".\r\n")
        answer = self._reply()
        if answer.startswith(b"421"):
            self.close()
        return answer

    def close(self):
        if self.connection:
            self.replies.close()
            self.connection.close()
        self.connection = None

    def _command(self, command):
        self.connection.sendall(command + b"\r\n")
        return self._reply()

    def _reply(self):
        while (line := self.replies.readline())[3:4] == b"-":
            pass
        return line


def send_all(address):
    """What was taken, by its id, and what was refused, by its name."""
    taken, refused, peer = {}, {}, Peer(address)
    for name, content in (*vectors(), *awkward.messages()):
        if content and not content.endswith(b"\r\n"):  # DATA is made of lines
            content += b"\r\n"
        answer = peer.send(content)
        assert DEFINITE.match(answer), (name, answer)
        found = re.search(rb"msg_\w+", answer)
        if answer.startswith(b"250"):
            taken[found[0].decode()] = (name, content)
        else:
            refused[name] = answer
    peer.close()
    return taken, refused


async def gent_rows(gent):
    rows, position = [], 0
    while True:
        async with gent.get("/v1/messages/", params={"folder": "inbox", "limit": 100, "position": position}) as answer:
            assert answer.status == 200, await answer.text()
            page = (await answer.json())["results"]
        rows += page
        position += len(page)
        if not page:
            return rows


async def agentry_rows(agentry):
    rows, more = [], {}
    while True:
        async with agentry.get("/agent/v0/messages", params={"limit": "100"} | more) as answer:
            assert answer.status == 200, await answer.text()
            page = await answer.json()
        rows += page["messages"]
        if not page.get("next_page_token"):
            return rows
        more = {"page_token": page["next_page_token"]}


@pytest.fixture
async def server(tmp_path):
    async with running_server(tmp_path) as running:
        yield running


async def test_awkward_messages_are_taken_or_refused_for_a_reason_and_come_back_as_they_were(server):
    taken, refused = await asyncio.to_thread(send_all, server.smtp)
    assert {name: answer[:10] for name, answer in refused.items()} == {
        "bare lf": b"550 5.6.11", "bare cr": b"550 5.6.11", "nul": b"550 5.6.0 ", "a line of 70 KB": b"550 5.6.0 ",
    }  # fmt: skip
    async with server.session() as gent, server.session(server.account["api_key"]) as agentry:
        async with asyncio.timeout(60):
            # Pages shift while mail still comes in, and a row may be seen twice: only different ones count.
            rows = await gent_rows(gent)
            while len({row["id"] for row in rows}) < len(taken):
                await asyncio.sleep(0.3)
                rows = await gent_rows(gent)
        assert {row["id"] for row in rows} == set(taken)
        items = await agentry_rows(agentry)
        assert len(items) == len(taken)
        for number, (name, content) in taken.items():
            async with gent.get(f"/v1/messages/{number}/") as answer:
                assert answer.status == 200, (name, await answer.text())
                shown = await answer.json()
                assert shown["id"] == number, name
            async with agentry.get(f"/agent/v0/messages/{number}") as answer:
                assert answer.status == 200, (name, await answer.text())
            async with agentry.get(f"/agent/v0/messages/{number}/raw") as answer:
                link = (await answer.json())["download_url"].replace("https://mail.local.test", server.http)
            async with gent.get(link) as answer:
                whole = await answer.read()
            # Nobody else speaks in our name (RFC 8601 5).
            kept = content.replace(b"Authentication-Results: mail.local.test; dkim=pass\r\n", b"")
            assert whole.endswith(kept), name
            async with gent.get(f"/v1/messages/threads/{shown['thread_id']}/") as answer:
                assert answer.status == 200, name
            for one in shown["attachments"][:3]:
                async with gent.get(f"/v1/messages/blobs/{quote(one['blob_id'], safe='')}/") as answer:
                    assert answer.status == 200, (name, await answer.text())
        for item in items:
            async with agentry.get(f"/agent/v0/messages/{quote(item['message_id'], safe='')}") as answer:
                assert answer.status == 200, item["message_id"]
        for query in QUERIES:
            async with gent.get("/v1/messages/", params={"q": query}) as answer:
                assert answer.status in (200, 400), (query, await answer.text())
    assert (await server.command("verify", "--deep"))["ok"]
    assert "Traceback" not in server.log
