"""P15: webhooks drained to a receiver on loopback, from the event log on: 20 endpoints, and one.

`python -m bench.webhooks` prints deliveries a second. The events are on the disk before the clock starts; it ends when
every outcome is. The receiver is a process of its own that reads the body and answers 204.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from aiohttp import web

from mailserver.cli import logs
from tests.support.inside import inside
from tests.support.receiver import hook, posting, tell

GOAL = 1000


def receive(pipe):
    async def serve():
        async def take(request):
            await request.read()
            return web.Response(status=204)

        app = web.Application()
        app.router.add_post("/{path:.*}", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(site._server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    uvloop.run(serve())


@contextlib.contextmanager
def receiver():
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


async def drain(port, endpoints, deliveries):
    directory = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        async with inside(directory, outbound_http={"allow_private": True}) as house:
            for number in range(endpoints):
                await hook(house, f"http://127.0.0.1:{port}/{number}")
            for _ in range(deliveries // endpoints // 50):
                await tell(house, range(50))
            wanted = deliveries // endpoints // 50 * 50 * endpoints
            cpu, started = time.process_time(), time.perf_counter()
            async with posting(house):
                count = "SELECT COUNT(*) FROM webhook_delivery WHERE state = 'delivered'"
                while (await house.rows(count))[0][0] < wanted:
                    await asyncio.sleep(0.05)
                seconds = time.perf_counter() - started
            return {"rate": wanted / seconds, "cpu_us": (time.process_time() - cpu) / wanted * 1e6}
    finally:
        shutil.rmtree(directory)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deliveries", type=int, default=5000)
    asked = parser.parse_args()
    logs.configure("warning", "json")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    figures = {20: [], 1: []}
    with receiver() as port:
        for number in range(asked.rounds):
            for endpoints, rates in figures.items():
                found = uvloop.run(drain(port, endpoints, asked.deliveries))
                rates.append(found["rate"])
                print(json.dumps({"round": number, "endpoints": endpoints} | {k: round(v) for k, v in found.items()}))
                sys.stdout.flush()
    for endpoints, rates in figures.items():
        middle = statistics.median(rates)
        verdict = f", goal {GOAL}: {'reached' if middle >= GOAL else 'MISSED'}" if endpoints > 1 else ""
        print(f"{endpoints:3} endpoints {middle:7.0f} webhooks/s ({min(rates):.0f} to {max(rates):.0f}){verdict}")


if __name__ == "__main__":
    main()
