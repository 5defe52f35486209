"""P7: draining a full queue to one smtp-sink on loopback, beside Postfix, unsigned and RSA-signed.

`python -m bench.queue_drain` prints messages a second and ratios. Both sides have their messages on the disk before the
clock starts, keep every outcome on the disk (fsync on) and write their log to a file. OpenDKIM signs while Postfix
accepts, so Postfix's signed drain is its drain plus what the milter adds to accepting the same messages.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from mailserver.cli import logs
from mailserver.mail import dkim
from mailserver.mail.dkim import SigningKey
from mailserver.queue.runner import Limits
from tests.support.outgoing import outgoing
from tests.support.zone import FakeResolver

HEAD = (
    b"Received: from client.local.test by mx.local.test\r\nFrom: Agent <agent@local.test>\r\nTo: bob@remote.test\r\n"
    b"Subject: drain\r\nDate: Sat, 21 Nov 2026 13:00:00 +0000\r\nMessage-ID: <drain@local.test>\r\n\r\n"
)
BODY = (b"x" * 62 + b"\r\n") * 12
SINK, ACCEPT = 10_925, 10_926
CONNECTIONS = 20  # Postfix's default for one destination; ours is set to the same
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
showq unix n - n - - showq
flush unix n - n 1000? 0 flush
pickup unix n - n 60 1 pickup
anvil unix - - n - 1 anvil
"""


@contextlib.contextmanager
def sink():
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["smtp-sink", *user, "-c", f"127.0.0.1:{SINK}", "1000"], stdout=-3, stderr=-3)
    time.sleep(0.3)
    try:
        yield
    finally:
        process.kill()
        process.wait()


class Keys:
    def __init__(self, directory):
        pem = directory and (Path(directory) / "key.pem").read_bytes()
        self.keys = (SigningKey("local.test", "bench", "rsa-sha256", dkim.load_key(pem)),) if pem else ()

    def signing_keys(self, domain):
        return self.keys


async def drain(messages, keys):
    resolver = FakeResolver({"remote.test": [(10, "mx.remote.test")]}, {"mx.remote.test": ["127.0.0.1"]})
    directory = Path(tempfile.mkdtemp(dir="/var/tmp"))
    limits = Limits(connections_per_destination=CONNECTIONS)
    try:
        async with outgoing(directory, resolver, SINK, keys=Keys(keys), limits=limits, patience=None) as out:
            for _ in range(messages // 100):
                await asyncio.gather(*(out.send("bob@remote.test", content=HEAD + BODY) for _ in range(100)))
            spent, started = time.process_time(), time.perf_counter()
            async with out.running():
                while await out.database.read(_waiting):
                    await asyncio.sleep(0.02)
                seconds = time.perf_counter() - started
            return {"seconds": seconds, "cpu": time.process_time() - spent}
    finally:
        shutil.rmtree(directory)


def _waiting(snapshot):
    return snapshot.one("SELECT 1 FROM delivery WHERE state = 'queued' LIMIT 1")


def ours(messages, keys):
    command = [sys.executable, "-m", "bench.queue_drain", "--only", str(messages), *([keys] if keys else [])]
    with tempfile.TemporaryFile() as log:
        return json.loads(subprocess.run(command, check=True, stdout=-1, stderr=log).stdout)


class Postfix:
    def __init__(self, milter):
        self.home = Path(tempfile.mkdtemp(dir="/var/tmp"))
        self.home.chmod(0o755)
        for name in ("etc", "spool", "data", "log"):
            (self.home / name).mkdir()
        shutil.chown(self.home / "data", "postfix")
        (self.home / "etc/master.cf").write_text(MASTER.format(port=ACCEPT))
        settings = {
            "compatibility_level": "3.6", "queue_directory": f"{self.home}/spool", "alias_maps": "",
            "data_directory": f"{self.home}/data", "command_directory": "/usr/sbin", "mydestination": "",
            "daemon_directory": "/usr/lib/postfix/sbin", "mail_owner": "postfix", "setgid_group": "postdrop",
            "myhostname": "pf.local.test", "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8", "relayhost": f"[127.0.0.1]:{SINK}", "defer_transports": "smtp,relay",
            "maillog_file": f"{self.home}/log/mail.log", "maillog_file_prefixes": str(self.home),
            "smtpd_recipient_restrictions": "permit_mynetworks,reject", "multi_instance_name": "",
            "smtpd_milters": f"unix:{milter}" if milter else "",
        }  # fmt: skip
        text = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.home / "etc/main.cf").write_text(text)
        self.run("postfix", "start")
        time.sleep(1)

    def run(self, program, *arguments):
        subprocess.run([program, "-c", self.home / "etc", *arguments], check=True, stdout=-3)

    def accept(self, messages):
        started = time.perf_counter()
        subprocess.run(
            ["smtp-source", "-s", "10", "-m", str(messages), "-l", str(len(BODY)), "-f", "agent@local.test",
             "-t", "bob@remote.test", f"127.0.0.1:{ACCEPT}"], check=True,
        )  # fmt: skip
        return time.perf_counter() - started

    def drain(self):
        self.run("postconf", "-e", "defer_transports=")
        self.run("postfix", "reload")
        time.sleep(1)
        started = time.perf_counter()
        self.run("postqueue", "-f")
        places = [self.home / "spool" / queue for queue in ("incoming", "active", "deferred")]
        while any(names for place in places for _, _, names in os.walk(place)):
            time.sleep(0.02)
        return time.perf_counter() - started

    def close(self):
        self.run("postfix", "stop")
        shutil.rmtree(self.home)


@contextlib.contextmanager
def opendkim(keys):
    config = Path(keys) / "opendkim.conf"
    config.write_text(
        f"Domain local.test\nSelector bench\nKeyFile {keys}/key.pem\nSocket local:{keys}/milter\nUMask 000\nMode s\n"
        "Canonicalization relaxed/relaxed\nOversignHeaders From\nRequireSafeKeys no\nSyslog no\n"
    )
    process = subprocess.Popen(["opendkim", "-f", "-x", str(config)], stdout=-3, stderr=-3)
    time.sleep(0.5)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def postfix(messages, milter):
    server = Postfix(milter)
    try:
        accepting = server.accept(messages)
        return accepting, server.drain()
    finally:
        server.close()


def compare(rounds, messages):
    figures = {"ours": [], "postfix": [], "ours signed": [], "postfix signed": []}
    with tempfile.TemporaryDirectory() as keys, sink():
        Path(keys).chmod(0o755)
        (Path(keys) / "key.pem").write_bytes(dkim.generate("rsa-sha256")[0])
        for number in range(rounds):
            plain = postfix(messages, milter=None)
            own = [ours(messages, None), ours(messages, keys)]
            with opendkim(keys):
                signed = postfix(messages, milter=f"{keys}/milter")
            figures["ours"].append(messages / own[0]["seconds"])
            figures["postfix"].append(messages / plain[1])
            figures["ours signed"].append(messages / own[1]["seconds"])
            figures["postfix signed"].append(messages / (signed[1] + max(0.0, signed[0] - plain[0])))
            row = {name: round(values[-1]) for name, values in figures.items()}
            row |= {"cpu us": [round(one["cpu"] / messages * 1e6) for one in own], "round": number}
            print(json.dumps(row), flush=True)
    for name in ("ours", "ours signed"):
        other = name.replace("ours", "postfix")
        ratios = [a / b for a, b in zip(figures[name], figures[other], strict=True)]
        print(
            f"{name:12} {statistics.median(figures[name]):6.0f}/s   {other:15} {statistics.median(figures[other]):6.0f}/s"
            f"   ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--only", nargs="+")
    asked = parser.parse_args()
    if asked.only:
        logs.configure("info", "json")
        print(json.dumps(uvloop.run(drain(int(asked.only[0]), asked.only[1] if len(asked.only) > 1 else None))))
        return
    missing = [name for name in ("postfix", "smtp-sink", "smtp-source", "opendkim") if not shutil.which(name)]
    if missing or os.geteuid():
        sys.exit(f"This needs root and {', '.join(missing) or 'nothing else'}.")
    compare(asked.rounds, asked.messages)


if __name__ == "__main__":
    main()
