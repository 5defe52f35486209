"""Dovecot's sieve-test: what another implementation would do with a message."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

_CONFIGURATION = """\
mail_location = maildir:{home}/Maildir
mail_home = {home}
base_dir = {home}/run
log_path = /dev/stderr
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
first_valid_gid = 1
plugin {{
  sieve_extensions = +vacation-seconds
  sieve_vacation_min_period = 60s
}}
"""
_NOBODY = 65534
_ACTION = re.compile(r"^ \* ([^\n]*)((?:\n {4,}[^\n]*)*)", re.MULTILINE)
_FLAGS = re.compile(r"add IMAP flags: ([^\n]*)")


def missing() -> str | None:
    return None if shutil.which("sieve-test") else "sieve-test (dovecot-sieve) is not installed"


class Pigeonhole:
    """Runs scripts in a directory of its own; root hands the mail access to nobody, as the program insists.

    It is none of pytest's: another run of pytest closes those to everybody but their owner.
    """

    def __init__(self) -> None:
        uid = os.getuid() or _NOBODY
        gid = os.getgid() or _NOBODY
        self._place = tempfile.TemporaryDirectory(prefix="sieve-test-")
        self._directory = Path(self._place.name)
        (self._directory / "dovecot.conf").write_text(_CONFIGURATION.format(home=self._directory, uid=uid, gid=gid))
        if not os.getuid():
            os.chown(self._directory, uid, gid)

    def close(self) -> None:
        """Take the directory away."""
        self._place.cleanup()

    def run(self, script: str, raw: bytes, sender: str = "a@remote.test", recipient: str = "b@local.test") -> list[str]:
        """What it does, one sentence an action, in the order of the letters; ["invalid"] for a refused script."""
        (self._directory / "s.sieve").write_text(script)
        (self._directory / "m.eml").write_bytes(raw)
        for name in ("s.sieve", "m.eml"):
            (self._directory / name).chmod(0o644)
        done = subprocess.run(
            ["sieve-test", "-c", "dovecot.conf", "-f", sender, "-r", recipient, "-a", recipient, "s.sieve", "m.eml"],
            cwd=self._directory, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        said = done.stdout.decode()
        if "implicit keep" in done.stderr.decode():
            return ["file  []"]
        if "Performed actions" not in said:
            assert "failed to compile" in done.stderr.decode(), (done.returncode, done.stdout, done.stderr)
            return ["invalid"]
        actions, _, implicit = said.partition("Implicit keep:")
        found = [_sentence(head, more) for head, more in _ACTION.findall(actions)]
        found += [_sentence(head, more) for head, more in _ACTION.findall(implicit)]
        return sorted(each for each in found if each)


def _sentence(head: str, more: str) -> str:
    words = _FLAGS.search(more)
    flags = " ".join(sorted(word.lower() for word in (words[1] if words else "").replace(",", " ").split()))
    if head.startswith("store message in folder: "):
        folder = head.removeprefix("store message in folder: ")
        return f"file {'' if folder == 'INBOX' else folder} [{flags}]"
    if head.startswith("redirect message to: <"):
        return f"redirect {head.partition('<')[2].rstrip('>')}"
    if head.startswith("send vacation message"):
        return f"vacation {re.search(r'seconds : ([0-9]+)', more)[1]}"
    if head.startswith("reject message"):
        return "reject"
    return "" if head.startswith("discard") else head
