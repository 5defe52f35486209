"""P9, P10 and P13: a large store read through the API, and the API beside a bare aiohttp handler.

The store is made by the storage room's own `ingest.store`, in batches, from values such as parsed messages have.
"""

import asyncio
import random
import statistics
import subprocess
import sys
import time

import orjson
import uvloop
from aiohttp import web

from bench import sides
from bench.report import Table
from mailserver.mail.address import Person
from mailserver.mail.headers import Headers
from mailserver.mail.message import Parsed
from mailserver.settings.configuration import Settings
from mailserver.storage import inboxes, ingest, store
from mailserver.storage.records import Copy
from mailserver.storage.thread_book import NewMessage
from tests.support import server

SEARCHED, LISTED = "searched@local.test", "listed@local.test"
BATCH = 1_000
WORDS = tuple(f"w{number:x}ord" for number in range(20_000))
# a word for each share of the messages that has it
MARKED = {"everywhere": 1.0, "halfway": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
NOBODY = Headers(())


def parsed(number, chance, *, is_searched):
    body = ""
    if is_searched:
        found = [WORDS[int(len(WORDS) * chance.random() ** 3)] for _ in range(40)]
        found += [word for word, share in MARKED.items() if chance.random() < share]
        body = " ".join(found)
    sender = (Person(f"sender{number % 500}@remote.test", f"Sender {number % 500}"),)
    to = (Person("agent@local.test", None),)
    return Parsed(
        NOBODY, f"<{number}@remote.test>", f"Subject {number // 3}", sender, to, (), (), (), 1, None, (), body, None,
        body[:200] or f"Preview of message {number}", (), body, (), None, None, False,
    )  # fmt: skip


def batch(first, count, inbox, ids, chance, now, *, is_searched):
    made = []
    for number in range(first, first + count):
        thread = number // 3
        references = (number + 1, -(thread + 1))
        copy = Copy(ids.next(), inbox.id, inbox.tenant_id, "inbox", flags=0 if number % 10 == 0 else 1)
        text = parsed(number, chance, is_searched=is_searched)
        made.append(
            NewMessage(
                copy, text, text.header_id, number.to_bytes(32, "big"), 2_000, now + number, references, thread, False
            )
        )
    return made


async def fill(directory, address, count, *, is_searched):
    """Put messages into an inbox, with no server running."""
    settings = Settings(data_dir=directory / "data", hostname="mail.local.test")
    chance = random.Random(1)
    began = time.perf_counter()
    async with store.opened(settings, lambda topic: None) as opened:
        inbox = await opened.database.read(inboxes.by_address, address)
        ids = opened.ids
        start = int(time.time() * 1000) - count - 1
        for first in range(0, count, BATCH):
            made = batch(first, min(BATCH, count - first), inbox, ids, chance, start, is_searched=is_searched)
            await opened.database.write(ingest.store, made, start)
    took = time.perf_counter() - began
    print(f"  {count} messages for {address} in {took:.0f} s ({count / took:.0f}/s)", flush=True)


async def timed(session, path, times, **parameters):
    """Milliseconds of each of several requests."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        async with session.get(path, params=parameters) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        found.append((time.perf_counter() - began) * 1000)
    return sorted(found)


def tell(what, found, goal=None):
    p99 = found[min(len(found) - 1, int(len(found) * 0.99))]
    met = "" if goal is None else f"   goal {goal} ms: {'reached' if p99 <= goal else 'MISSED'}"
    print(f"  {what:52} median {statistics.median(found):7.2f} ms, p99 {p99:7.2f} ms{met}", flush=True)


async def reading(names, *, quick):
    times = 100 if quick else 300
    directory = sides.fresh("store")
    searched, listed = (20_000, 100_000) if quick else (200_000, 1_000_000)
    async with server.running_server(directory) as running:
        for address in (SEARCHED, LISTED):
            await running.command("inbox", "add", address, "--password-file", str(directory / "password"))
        await running.stop()
        print("P9, P13: making the store")
        if "P9" in names:
            await fill(directory, SEARCHED, searched, is_searched=True)
        if "P13" in names:
            await fill(directory, LISTED, listed, is_searched=False)
        await running.start(120)
        token = (await running.command("token", "create", "--api-key", "--name", "bench"))["api_key"]
        agent = {}
        for address in (SEARCHED, LISTED):
            made = await running.command("token", "create", "--inbox", address, "--scopes", "email:read")
            agent[address] = made["token"]
        if "P9" in names:
            print(f"P9: search over {searched} messages, a page of 50 with its total:")
            async with running.session(agent[SEARCHED]) as session:
                for word, share in MARKED.items():
                    found = await timed(session, "/v1/messages/", times, q=word, limit="50")
                    tell(f"a word of {share:.1%} of the messages", found, 25 if share > 0.1 else 10)
                tell("two words", await timed(session, "/v1/messages/", times, q="halfway tenth", limit="50"), 25)
        if "P13" in names:
            print(f"P13: an inbox of {listed} messages:")
            async with running.session(agent[LISTED]) as session:
                where = {"folder": "inbox", "limit": "50"}
                tell("list page of 50", await timed(session, "/v1/messages/", times, **where), 10)
                tell("list page, all folders", await timed(session, "/v1/messages/", times, limit="50"), 10)
                tell(
                    "unread ones with their count",
                    await timed(session, "/v1/messages/", times, unread="true", **where),
                    10,
                )
                deep = str(listed // 2)
                tell("list page from the middle", await timed(session, "/v1/messages/", times, position=deep, **where))
                tell("folders with their counts", await timed(session, "/v1/folders/", times), 10)
            async with running.session(token) as session:
                tell("thread page of 50", await timed(session, "/agent/v0/threads", times, limit="50"), 10)
        if "P10" in names:
            await pages(running, agent[LISTED if "P13" in names else SEARCHED], times)


async def pages(running, token, times):
    """P10: the list page beside a bare handler that gives the same bytes, made from Python values by orjson."""
    where = {"folder": "inbox", "limit": "50"}
    async with running.session(token) as session, session.get("/v1/messages/", params=where) as answer:
        document = await answer.read()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.store", "--bare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdin.write(len(document).to_bytes(4, "big") + document)
    process.stdin.flush()
    port = int(process.stdout.readline())
    table = Table(f"P10: list page of 50 messages, {len(document)} octets, 8 connections")
    host, _, own = running.listeners["http"][0].rpartition(":")
    path = "/v1/messages/?folder=inbox&limit=50"
    try:
        for number in range(5):
            pair = [("ours", int(own)), ("bare", port)]
            for name, where in pair if number % 2 else pair[::-1]:
                table.add(name, await asyncio.to_thread(load, host, where, path, token, 2.0))
    finally:
        process.kill()
        process.wait()
    table.show("pages/s", ours="ours", other="bare", goal=0.6)


def load(host, port, path, token, seconds):
    """Pages a second over 8 connections, asked for by plain sockets so that the client costs little."""

    async def ask(counts, until):
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        while time.perf_counter() < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            counts.append(1)
        writer.close()

    async def main():
        counts = []
        began = time.perf_counter()
        await asyncio.gather(*(ask(counts, began + seconds) for _ in range(8)))
        return len(counts) / (time.perf_counter() - began)

    return asyncio.run(main())


def bare():
    """The least that answers with a list page: aiohttp and orjson, with values that lie in memory."""
    length = int.from_bytes(sys.stdin.buffer.read(4), "big")
    document = orjson.loads(sys.stdin.buffer.read(length))

    async def page(request):
        return web.Response(body=orjson.dumps(document), content_type="application/json")

    async def main():
        app = web.Application()
        app.router.add_get("/v1/messages/", page)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(site._server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    uvloop.run(main())


async def run(names, *, quick):
    wanted = {"P9", "P10", "P13"} & names if names else {"P9", "P10", "P13"}
    if wanted:
        await reading(wanted, quick=quick)


if __name__ == "__main__" and "--bare" in sys.argv:
    bare()
