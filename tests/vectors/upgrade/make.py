"""Make a data directory as an earlier version leaves it when its machine loses power.

    python tests/vectors/upgrade/make.py COMMIT NAME

The program of that commit runs from a copy of its tree. `NAME.tar.xz` has the directory, `NAME.json` what must be there
after an upgrade.
"""

import hashlib
import json
import os
import smtplib
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
PASSWORD = "correct horse battery"
DEADLINE_SECONDS = 60


def main(commit, name):
    with tempfile.TemporaryDirectory() as scratch:
        tree, data = Path(scratch, "tree"), Path(scratch, "data")
        tree.mkdir()
        archive = subprocess.run(["git", "archive", commit, "mailserver"], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
        Path(scratch, "password").write_text(PASSWORD)
        old = Old(tree, data, Path(scratch))
        try:
            facts = furnish(old)
        finally:
            old.kill()
        facts |= {"commit": commit, "password": PASSWORD}
        for path in ("admin.sock", "lock", "submit.sock"):
            data.joinpath(path).unlink(missing_ok=True)
        with tarfile.open(HERE / f"{name}.tar.xz", "w:xz") as tar:
            tar.add(data, "data")
        (HERE / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n")


class Old:
    """The old program."""

    def __init__(self, tree, data, scratch):
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("MAILSERVER_")} | {
            "PYTHONPATH": str(tree), "MAILSERVER_DATA_DIR": str(data), "MAILSERVER_HOSTNAME": "mail.local.test",
            "MAILSERVER_DNS__NAMESERVERS": '["127.0.0.1:9"]', "MAILSERVER_STORAGE__RESERVE_BYTES": "0",
            "MAILSERVER_STORAGE__JOURNAL_SEGMENT_BYTES": str(8 << 20), "MAILSERVER_LOG__FORMAT": "json",
            "MAILSERVER_SMTP__MX_LISTEN": '["127.0.0.1:0"]', "MAILSERVER_SMTP__SUBMISSION_LISTEN": '["127.0.0.1:0"]',
            "MAILSERVER_SMTP__SUBMISSIONS_LISTEN": '["127.0.0.1:0"]', "MAILSERVER_HTTP__LISTEN": '["127.0.0.1:0"]',
        }  # fmt: skip
        self.command = [sys.executable, "-P", "-m", "mailserver"]
        self.scratch, self.data = scratch, data
        self.process = None

    def run(self, *arguments):
        done = subprocess.run(
            [*self.command, "--json", *arguments], env=self.environment, capture_output=True, check=True, cwd="/"
        )
        return json.loads(done.stdout) if done.stdout.strip() else None

    def start(self):
        log = self.scratch / "log"
        with log.open("wb") as stderr:
            self.process = subprocess.Popen([*self.command, "serve"], env=self.environment, stderr=stderr, cwd="/")
        (line,) = until(lambda: [each for each in log.read_bytes().splitlines() if b'"server.ready"' in each])
        self.listeners = json.loads(line)["listeners"]

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def http(self, token, method, path, document=None):
        request = urllib.request.Request(
            f"http://{self.listeners['http'][0]}{path}", method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
        return json.loads(content) if content else None


def furnish(old):
    """Mail that came, was read, was starred, waits to be delivered, and lies in the journal only."""
    account = old.run(
        "bootstrap", "--domain", "local.test", "--address", "agent@local.test", "--password-file",
        str(old.scratch / "password"),
    )  # fmt: skip
    old.start()
    host, _, port = old.listeners["smtp"][0].rpartition(":")
    token = account["agent_token"]

    def deliver(*subjects):
        with smtplib.SMTP(host, int(port)) as client:
            for subject in subjects:
                text = (
                    f"From: a@elsewhere.test\r\nTo: agent@local.test\r\nSubject: {subject}\r\n\r\nbody of {subject}\r\n"
                )
                client.sendmail("a@elsewhere.test", ["agent@local.test"], text)

    def inbox():
        return old.http(token, "GET", "/v1/messages/?folder=inbox")["results"]

    deliver("one", "two", "three")
    rows = {row["subject"]: row for row in until(lambda: inbox() if len(inbox()) == 3 else None)}
    old.http(token, "PATCH", f"/v1/messages/{rows['one']['id']}/", {"mark_read": True})
    old.http(token, "PATCH", f"/v1/messages/{rows['two']['id']}/", {"mark_starred": True})
    flags = {row["subject"]: row["flags"] for row in inbox()}
    for number in (1, 2):
        form = {"to": [{"email": f"b{number}@remote.test"}], "subject": f"waits {number}", "text_body": "x"}
        old.http(token, "POST", "/v1/messages/", form)
    until(lambda: len([each for each in old.run("queue", "list") if each["attempts"]]) == 2)
    deliver("late one", "late two")
    old.kill()
    return {
        "account": account,
        "ids": {subject: row["id"] for subject, row in rows.items()},
        "flags": flags,
        "late": ["late one", "late two"],
        "queued": {"waits 1": "b1@remote.test", "waits 2": "b2@remote.test"},
        "keys": {
            str(path.relative_to(old.data)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(old.data.joinpath("keys").rglob("*"))
            if path.is_file()
        },
    }


def until(question):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise TimeoutError(question)
        time.sleep(0.05)
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
