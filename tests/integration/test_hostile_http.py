"""HTTP clients that are slow, broken or gone: nobody else waits, nothing is held for ever, and the log stays a log."""

import asyncio
import contextlib
import json
import resource
import time

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from mailserver.http import middleware, server
from mailserver.http.middleware import Around
from tests.support.server import running_server

HALVES = 1000
SLOW_SECONDS = 10.0  # a hundredth of it where nothing else runs
FORM = b"POST /v1/messages/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


async def said(address, data, seconds=30):
    """What the server says until it closes, or has said nothing more for so long."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    try:
        async with asyncio.timeout(seconds):
            return await reader.read(200)
    finally:
        writer.close()


async def test_requests_that_cannot_be_read_are_refused_with_one_line_in_the_log(tmp_path):
    async with running_server(tmp_path) as running:
        address = running.listeners["http"][0]
        login = f"Authorization: Bearer {running.account['agent_token']}\r\n".encode()
        broken = [
            b"\x16\x03\x01nonsense\r\n\r\n",
            b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % number for number in range(50_000)) + b"\r\n",
            FORM + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            FORM + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
            FORM + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
            FORM + login + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000,
            FORM + login + b'Content-Length: 19\r\n\r\n{"subject":"\xff\xfe\x00"}  ',
            b"GET /v1/messages/?position=99999999999999999999 HTTP/1.1\r\nHost: x\r\n" + login + b"\r\n",
            b"GET /v1/messages/?limit=-1 HTTP/1.1\r\nHost: x\r\n" + login + b"\r\n",
        ]
        for data in broken:
            assert (await said(address, data)).split(b" ")[1] in (b"400", b"413", b"422", b"431"), data[:80]
        for path in (b"%00/", b"..%2f..%2fetc/passwd", b"%ff%fe/", b"a" * 3000 + b"/"):
            data = b"GET /v1/messages/" + path + b" HTTP/1.1\r\nHost: x\r\n" + login + b"\r\n"
            assert (await said(address, data)).split(b" ")[1] in (b"404", b"400"), path
        with pytest.raises(TimeoutError):
            await said(address, FORM + login + b"Content-Length: 1000\r\n\r\n{", seconds=0.3)  # and leaves
        await asyncio.sleep(0.3)  # what would be said of it is
        assert "Traceback" not in running.log
        assert all(json.loads(line) for line in running.log.splitlines())


async def test_a_thousand_halves_of_requests_do_not_slow_the_others(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    async with running_server(tmp_path) as running, running.session() as gent:
        host, _, port = running.listeners["http"][0].rpartition(":")
        writers = []
        for number in range(HALVES):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write((FORM + b"Content-Length: 9\r\n\r\n{")[: 20 + number % 80])
            writers.append(writer)
        took = []
        for _ in range(100):
            began_at = time.monotonic()
            async with gent.get("/v1/messages/") as answer:
                assert answer.status == 200
            took.append(time.monotonic() - began_at)
        assert sorted(took)[98] < SLOW_SECONDS
        for writer in writers:
            writer.transport.abort()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_head_or_a_body_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.3)

    async def echo(request):
        if request.path == "/slow":
            await asyncio.sleep(0.8)
        return web.Response(body=await request.read())

    application = web.Application(middlewares=[Around(CollectorRegistry(), ()).middleware()])
    application.router.add_route("*", "/{path:.*}", echo)
    async with server.running(application, ["127.0.0.1:0"], (), None, 1.0, head_seconds=0.3) as (address,):
        for data in (b"", b"GET / HTTP/1.1\r\nHos", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"):
            began_at = time.monotonic()
            with contextlib.suppress(ConnectionResetError):
                assert await said(address, data) == b"", data
            assert time.monotonic() - began_at > 0.2
        whole = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
        assert (await said(address, whole)).startswith(b"HTTP/1.1 200")
