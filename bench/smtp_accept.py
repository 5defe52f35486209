"""P6 and P11: our receiver beside a bare asyncio.Protocol, both discarding, under Postfix's smtp-source.

`python -m bench.smtp_accept` prints messages a second, their ratio and the memory of an idle connection.
"""

import argparse
import asyncio
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import uvloop
from prometheus_client import CollectorRegistry

from mailserver.cli import logs
from mailserver.entities import errors
from mailserver.smtp.limits import SmtpLimits
from mailserver.smtp.listeners import Listeners, Ports

HELD = 5_000


class Bare(asyncio.Protocol):
    """The least that receives mail: it cuts out the paths and keeps the content, with no checks and no limits."""

    def connection_made(self, transport):
        self.transport = transport
        self.rest = b""
        self.chunks = None
        self.sender = None
        self.recipients = []
        transport.write(b"220 bare.test ESMTP\r\n")

    def data_received(self, data):
        data = self.rest + data
        out = []
        while True:
            if self.chunks is not None:
                end = data.find(b"\r\n.\r\n")
                if end < 0:
                    self.chunks.append(data[:-4])
                    self.rest = data[-4:]
                    break
                self.chunks.append(data[: end + 2])
                self.content = b"".join(self.chunks).replace(b"\r\n..", b"\r\n.")
                self.chunks = None
                out.append(b"250 2.0.0 Ok\r\n")
                data = data[end + 5 :]
            end = data.find(b"\r\n")
            if end < 0:
                self.rest = data
                break
            line = data[:end]
            data = data[end + 2 :]
            out.append(self.command(line[:4].upper(), line))
        if out:
            self.transport.write(b"".join(out))
        if self.transport and out and out[-1].startswith(b"221"):
            self.transport.close()

    def command(self, verb, line):
        if verb in (b"MAIL", b"RCPT"):
            begin, end = line.find(b"<"), line.find(b">")
            if begin < 0 or end < 0:
                return b"501 5.5.4 Bad path\r\n"
            if verb == b"MAIL":
                self.sender, self.recipients = line[begin + 1 : end], []
                return b"250 2.1.0 Ok\r\n"
            self.recipients.append(line[begin + 1 : end])
            return b"250 2.1.5 Ok\r\n"
        if verb == b"DATA":
            self.chunks = []
            return b"354 go\r\n"
        if verb == b"QUIT":
            return b"221 2.0.0 Bye\r\n"
        return b"250 2.0.0 Ok\r\n"


class Discard:
    """Takes everything and keeps nothing."""

    def add(self, chunk):
        return False

    async def flush(self):
        pass

    async def accept(self, envelope):
        return "que_0000000000000"

    def discard(self):
        pass


class Services:
    """Knows every recipient."""

    def known(self, address):
        return True

    async def route(self, address):
        raise errors.UnknownRecipient

    def begin(self, envelope, caller=None):
        return Discard()

    def room(self):
        return True


async def serve(kind):
    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    loop.add_reader(sys.stdin.fileno(), lambda: stop.done() or stop.set_result(None))
    began = cpu_seconds()
    if kind == "bare":
        server = await loop.create_server(Bare, "127.0.0.1", 0, backlog=1024)
        tell({"port": server.sockets[0].getsockname()[1]})
        await stop
    else:
        services = Services()
        limits = SmtpLimits(messages_per_session=999_999)
        listeners = Listeners(
            "ours.test", Ports(mx=("127.0.0.1:0",)), limits, None, services, services, services, CollectorRegistry()
        )
        async with listeners:
            tell({"port": int(listeners.addresses["smtp"][0].rpartition(":")[2])})
            await stop
    tell({"cpu": cpu_seconds() - began})


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(fact):
    print(json.dumps(fact), flush=True)


class Server:
    """A receiver in a process of its own."""

    def __init__(self, kind):
        resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.smtp_accept", "--serve", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=tempfile.TemporaryFile(),  # noqa: SIM115  the process owns it; our logging is on, as in production
            text=True,
        )
        self.port = json.loads(self.process.stdout.readline())["port"]

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        cpu = json.loads(self.process.stdout.readline())["cpu"]
        self.process.wait(10)
        return cpu


def deliver(kind, messages, sessions, size):
    server = Server(kind)
    command = ["smtp-source", "-d", "-s", str(sessions), "-m", str(messages), "-l", str(size)]
    began = time.perf_counter()
    subprocess.run([*command, "-f", "a@remote.test", "-t", "agent@local.test", f"127.0.0.1:{server.port}"], check=True)
    rate = messages / (time.perf_counter() - began)
    return rate, server.stop() / messages * 1e6


def idle(kind):
    """Bytes of the server's memory for one of many idle connections that have said EHLO."""
    server = Server(kind)
    peers = []
    before = 0
    for number in range(HELD + 200):
        if number == 200:  # the first ones pay for what all share
            before = server.resident_bytes()
        peer = socket.create_connection(("127.0.0.1", server.port))
        peer.recv(512)
        peer.sendall(b"EHLO remote.test\r\n")
        peer.recv(1024)
        peers.append(peer)
    used = (server.resident_bytes() - before) / HELD
    for peer in peers:
        peer.close()
    server.stop()
    return used


def compare(rounds, messages, sessions, size):
    figures = {"bare": [], "ours": []}
    cpu = {"bare": [], "ours": []}
    for number in range(rounds):
        for kind in ("bare", "ours") if number % 2 else ("ours", "bare"):
            rate, used = deliver(kind, messages, sessions, size)
            figures[kind].append(rate)
            cpu[kind].append(used)
    ratios = [ours / bare for ours, bare in zip(figures["ours"], figures["bare"], strict=True)]
    for kind, rates in figures.items():
        print(
            f"  {kind}: {statistics.median(rates):8.0f} messages/s "
            f"({min(rates):.0f} to {max(rates):.0f}), {statistics.median(cpu[kind]):.0f} us CPU each"
        )
    print(f"  ours / bare: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="P6 and P11 only")
    arguments = parser.parse_args()
    if arguments.serve:
        logs.configure("info", "json")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(arguments.serve))
        return
    for messages, sessions, size in (
        ((10_000, 50, 1_024),)
        if arguments.quick
        else (
            (10_000, 50, 1_024),
            (10_000, 10, 1_024),
            (3_000, 10, 51_200),
            (60, 10, 5_242_880),
        )
    ):
        print(f"{size} bytes, {sessions} sessions:")
        compare(arguments.rounds, messages, sessions, size)
    print(f"an idle connection, {HELD} held: bare {idle('bare'):.0f} bytes, ours {idle('ours'):.0f} bytes")


if __name__ == "__main__":
    main()
