"""Install the package on a fresh Debian that boots systemd, set it up, and cut its power: python -m tests.machine."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.machine import machine
from tests.machine.machine import Machine

ROOT = Path(__file__).parents[2]
LOAD_MESSAGES = 60  # that are answered 250 before the power goes
WAIT_SECONDS = 300
LOGIN = "--tls --auth PLAIN --auth-user you@example.com --auth-password 'correct horse battery'"
SUBMIT = f"swaks --silent 2 --server 192.88.99.25:587 {LOGIN} --from you@example.com --to carl@remote.org"
ARRIVE = (
    "ip netns exec remote swaks --silent 2 --server 192.88.99.25:25 --helo mx.remote.org --tls --from carl@remote.org"
)


def main() -> None:
    """Tell the story, step by step, or say what is missing for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=max((ROOT / "dist").glob("mailserver_*.deb"), default=None))
    parser.add_argument("--earlier", type=Path, help="A package to install first, and to upgrade from.")
    parser.add_argument("--kvm", action="store_true", help="Where /dev/kvm runs guests.")
    asked = parser.parse_args()
    if absent := machine.missing():
        print(f"skipped: this needs {absent}")
        return
    if asked.package is None:
        sys.exit("There is no package in dist: make deb")
    place = machine.image(ROOT / "var" / "machine")
    with tempfile.TemporaryDirectory() as scratch:
        host = Machine(place, Path(scratch), kvm=asked.kvm)
        try:
            host.boot()
            _story(host, asked.earlier or asked.package, asked.package)
        finally:
            host.cut_power()
    print("All is as it has to be.")


def _story(host: Machine, first: Path, package: Path) -> None:
    steps: list[tuple[str, Callable[[], None]]] = [
        ("another mail server gives way to the package", lambda: _install(host, first)),
        ("setup makes a mail server of the machine", lambda: _set_up(host)),
        ("the doctor finds nothing that fails", lambda: _examine(host)),
        ("mail comes in, goes out, and is handed over by programs", lambda: _exchange(host)),
        ("the backup's service links files", lambda: _back_up(host)),
        ("an upgrade loses nothing of the queue", lambda: _upgrade(host, package)),
        ("a killed process is started again", lambda: _kill(host)),
        ("what was answered 250 is there after the power was cut", lambda: _cut(host)),
        ("removed and purged, mail stays", lambda: _remove(host)),
    ]
    for number, (title, step) in enumerate(steps, 1):
        began = time.monotonic()
        step()
        print(f"{number} of {len(steps)}  {title} ({time.monotonic() - began:.0f} s)", flush=True)


def _install(host: Machine, package: Path) -> None:
    host.run("DEBIAN_FRONTEND=noninteractive apt-get install -y exim4-daemon-light")
    assert "exim4" in host.run("ss -Hltnp sport = :25")
    host.put(package, "mailserver.deb")
    said = host.run("DEBIAN_FRONTEND=noninteractive apt-get install -y /root/mailserver.deb unbound")
    assert "mailserver setup HOST" in said
    assert "mailserver:x:" in host.run("getent passwd mailserver")
    assert not host.run("ss -Hltn sport = :25")
    assert host.run("systemctl is-enabled mailserver || true").strip() == "disabled"
    host.run("bash /root/world.sh")


def _set_up(host: Machine) -> None:
    host.run("echo 'correct horse battery' > /root/password && chmod 0600 /root/password")
    options = "--non-interactive --address you@example.com --password-file /root/password --no-watch"
    host.run(f"mailserver setup mail.example.com {options} > /root/zone")
    assert "nothing was changed" in host.run(f"mailserver setup mail.example.com {options}")
    assert host.run("systemctl is-enabled mailserver && systemctl is-active mailserver").split() == [
        "enabled",
        "active",
    ]
    host.run("bash /root/world.sh && mailserver dns check example.com")
    host.run("sed -i 's/^.sendmail.$/[sendmail]\\ninbox = \"you@example.com\"/' /etc/mailserver/config.toml")
    host.run("systemctl restart mailserver")


def _examine(host: Machine) -> None:
    found = json.loads(host.run("mailserver --json doctor 2>/dev/null || true"))
    # There is no network for a clock, and nobody has given this machine a certificate.
    assert not [row for row in found if row["status"] == "failed"], found
    bad = {row["check"] for row in found if row["status"] == "warning"}
    assert bad <= {"clock", "resolver", "disk.sync", "backup", "ports.http", "certificate.chain", "mta-sts.policy"}, (
        found
    )
    own = "systemctl show -p MainPID --value mailserver"
    assert "CapEff:\t0000000000000000" in host.run(f"cat /proc/$({own})/status")
    assert "Mail is accepted" in host.run("systemctl show -p StatusText mailserver")
    lines = host.run("journalctl -u mailserver -o short -g server.ready")
    assert " mailserver[" in lines
    assert '"ts":' not in lines


def _exchange(host: Machine) -> None:
    host.run(f"{ARRIVE} --to you@example.com --header 'Subject: inward'")
    host.run(f"{SUBMIT} --header 'Subject: outward'")
    host.run(
        "printf 'Subject: handed over\\n\\nDone.\\n' | su nobody -s /bin/sh -c '/usr/sbin/sendmail carl@remote.org'"
    )
    _until(lambda: _sent(host, "outward") == 1 and _sent(host, "handed over") == 1, "mail to leave")
    assert host.run("grep -c '^DKIM-Signature:' $(grep -l '^Subject: outward' /root/sink/*)").strip() == "2"
    _until(lambda: "inward" in _subjects(host), "mail to be stored")
    host.run("systemctl reload mailserver")
    assert not host.run("journalctl -u mailserver -p err -o cat --quiet | sed -n 1,5p")


def _back_up(host: Machine) -> None:
    host.run("systemctl start mailserver-backup.service")
    said = host.run("journalctl -u mailserver-backup -o cat")
    assert "copied          0" in said, said
    host.run("mailserver verify && mailserver verify --backup /var/backups/mailserver --deep")
    assert not host.run("find /var/lib/mailserver -not -user mailserver")


def _upgrade(host: Machine, package: Path) -> None:
    host.run(f"touch /root/defer && {SUBMIT} --header 'Subject: waiting'")
    host.put(package, "mailserver.deb")
    host.run("DEBIAN_FRONTEND=noninteractive apt-get install -y --reinstall /root/mailserver.deb")
    _until_active(host)
    assert "carl@remote.org" in host.run("mailserver queue list")
    host.run("rm /root/defer; mailserver queue retry $(mailserver queue list | grep -o '^dlv_[^ ]*')")
    _until(lambda: _sent(host, "waiting") == 1, "mail that waited to leave")


def _kill(host: Machine) -> None:
    host.run("systemctl kill --signal=KILL --kill-whom=main mailserver; sleep 1")
    _until_active(host)


def _cut(host: Machine) -> None:
    promised = []
    with host.begin("ip netns exec remote /usr/bin/python3.11 /root/load.py cut") as load:
        assert load.stdout is not None
        for line in load.stdout:
            promised.append(line.decode().strip())
            if len(promised) == LOAD_MESSAGES:
                host.cut_power()
    assert len(promised) >= LOAD_MESSAGES, promised
    host.boot()
    _until_active(host)
    _until(lambda: set(promised) <= set(_subjects(host)), "what was promised to be stored")
    found = [subject for subject in _subjects(host) if subject.startswith("cut")]
    assert len(found) == len(set(found)), found
    host.run("mailserver verify --deep")


def _remove(host: Machine) -> None:
    files = "find /var/lib/mailserver/mail -type f | wc -l"
    before = host.run(files)
    host.run("apt-get remove -y mailserver")
    assert not host.run("ss -Hltn sport = :25")
    host.run("apt-get purge -y mailserver && test ! -e /etc/mailserver && test ! -e /opt/mailserver")
    assert not host.run("find /etc/systemd/system -name '*mailserver*'")
    assert host.run(files) == before


def _subjects(host: Machine) -> list[str]:
    rows = json.loads(host.run("mailserver --json message find --limit 1000 2>/dev/null"))
    return [row["subject"] for row in rows]


def _sent(host: Machine, subject: str) -> int:
    return int(host.run(f"grep -l '^Subject: {subject}' /root/sink/* 2>/dev/null | wc -l"))


def _until_active(host: Machine) -> None:
    _until(lambda: host.run("systemctl is-active mailserver || true").strip() == "active", "the server to run")


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"We waited too long for {what}."
        time.sleep(2)


if __name__ == "__main__":
    main()
