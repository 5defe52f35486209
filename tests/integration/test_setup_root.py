"""Setting a whole machine up as root, in a namespace whose /etc and /var/lib are its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"  # the server's user must be able to run it
SCRIPT = """
set -e
umask 022
mount -t tmpfs -o mode=755 none "$PLACE"
for directory in etc var/lib; do
  mkdir -p "$PLACE/$directory"
  case $directory in etc) cp -a /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/login.defs /etc/nsswitch.conf \
      /etc/subuid /etc/subgid /etc/ld.so.cache /etc/resolv.conf /etc/hosts "$PLACE/etc/" 2>/dev/null || true ;; esac
done
mount --bind "$PLACE/etc" /etc
sed -i '/^mailserver:/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow  # a user whom the machine has already
mount --bind "$PLACE/var/lib" /var/lib
$PYTHON -P -m mailserver domain list  # as root, before there was a user for it
setup() { $PYTHON -P -m mailserver setup mail.local.test --non-interactive --no-systemd --no-watch "$@" >/dev/null; }
setup --address owner@local.test --password-file "$PASSWORD"
stat -c '%U %a %n' /var/lib/mailserver /etc/mailserver/config.toml
find /var/lib/mailserver -not -user mailserver
$PYTHON -P -m mailserver doctor --offline --only permissions --only configuration
find /var/lib/mailserver -not -user mailserver
"""


def missing():
    if os.geteuid() != 0:
        return "this needs root"
    if not Path(PYTHON).exists() or not shutil.which("useradd"):
        return f"{PYTHON} or useradd is not installed"
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode:
        return "no namespace can be made here"
    return ""


@pytest.mark.skipif(bool(missing()), reason=missing() or "all is there")
def test_the_server_has_a_user_of_its_own_to_whom_everything_belongs(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    password = tmp_path / "password"
    password.write_text("correct horse battery\n")
    paths = [ROOT, *(path for path in sys.path if path.endswith("site-packages"))]
    given = {name: value for name, value in os.environ.items() if not name.startswith("MAILSERVER_")}
    given |= {
        "PLACE": str(place), "PASSWORD": str(password), "PYTHON": PYTHON, "PYTHONPATH": ":".join(map(str, paths)),
        "MAILSERVER_DNS__NAMESERVERS": '["127.0.0.1:9"]', "MAILSERVER_DNS__TIMEOUT_SECONDS": "0.3",
        "MAILSERVER_SMTP__MX_LISTEN": "[]", "MAILSERVER_SMTP__SUBMISSION_LISTEN": "[]", "PYTHONDONTWRITEBYTECODE": "1",
        "MAILSERVER_SMTP__SUBMISSIONS_LISTEN": "[]",
    }  # fmt: skip
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", SCRIPT], env=given, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "mailserver 700 /var/lib/mailserver",
        "root 640 /etc/mailserver/config.toml",
        "ok        permissions.data   /var/lib/mailserver has the mode 0700.",
        "ok        permissions.keys   Only the server reads its keys.",
        "ok        permissions.owner  Everything belongs to the directory's owner.",
        "ok        configuration      /etc/mailserver/config.toml has the mode 0640.",
        "4 ok",
    ]
    assert "made   the user mailserver" in done.stderr
