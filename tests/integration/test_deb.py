"""Wheel and Debian package: built, installed on a machine to throw away, used, upgraded with mail waiting, purged."""

import asyncio
import functools
import json
import os
import shutil
import smtplib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.test_backup import as_bytes, outside
from tests.integration.test_story_api import compose, deliver, listed
from tests.support import packaged
from tests.support.server import PASSWORD, Server
from tests.support.server import environment as settings_of
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
no_dpkg = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None or packaged.python() != packaged.SYSTEM_PYTHON,
    reason="this needs dpkg, and a python3 of the system of at least 3.11",
)
NO_MACHINE = packaged.no_machine()
pytestmark = pytest.mark.timeout(600)
no_machine = pytest.mark.skipif(bool(NO_MACHINE), reason=NO_MACHINE or "all is there")
QUIET = {"capture_output": True, "text": True, "timeout": 300, "cwd": "/"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Where the packages of this tree are, with the environment that they are made of."""
    base = tmp_path_factory.mktemp("packages")
    packaged.environment(base)
    return base


@pytest.fixture(scope="module")
def package(made):
    return packaged.package(made)


def without(environment):
    """No path of this tree, and nothing of a developer's shell."""
    return {name: value for name, value in environment.items() if not name.startswith("PYTHON")}


async def test_the_installed_wheel_sets_up_and_serves_far_from_its_source(made, tmp_path):
    """Every library has the hash that the lock says; nothing is taken from the source tree."""
    program = (str(made / "packaged/environment/bin/mailserver"),)
    given = without(settings_of(tmp_path, dns__timeout_seconds=0.3))
    said = subprocess.run([*program, "--version"], env=given, **QUIET)
    (wheel,) = (made / "packaged").glob("*.whl")
    assert said.stdout.split()[-1] == wheel.name.split("-")[1]
    (tmp_path / "password").write_text(PASSWORD)
    root = tmp_path / "root"
    root.mkdir()
    done = subprocess.run(
        [*program, "setup", "mail.local.test", "--root", root, "--address", "owner@local.test", "--password-file",
         tmp_path / "password", "--non-interactive", "--no-watch"],
        env={name: value for name, value in given.items() if name != "MAILSERVER_DATA_DIR"}, **QUIET,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (root / "etc/systemd/system/mailserver.service").exists()
    given |= {"MAILSERVER_CONFIG": str(root / "etc/mailserver/config.toml")}
    given["MAILSERVER_DATA_DIR"] = str(root / "var/lib/mailserver")
    server = Server(tmp_path, given, program=program)
    await server.start()
    try:
        with smtplib.SMTP(*server.smtp, timeout=60) as client:
            client.sendmail("a@elsewhere.test", ["owner@local.test"], "Subject: x\r\n\r\nx\r\n")
    finally:
        assert await server.stop() == 0


def test_a_wheel_is_the_same_when_it_is_built_again(made, tmp_path):
    (first,) = (made / "packaged").glob("*.whl")
    again = packaged.wheel(tmp_path)
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(again) as other:
        assert one.namelist() == other.namelist()
        assert {"mailserver/shipped/config/mailserver.toml", "mailserver/shipped/systemd/mailserver.service"} <= set(
            one.namelist()
        )
        assert not [name for name in one.namelist() if name.startswith("tests")]
    if not _tree_has_changed_since(first):
        assert first.read_bytes() == again.read_bytes()


def _tree_has_changed_since(path):
    """Somebody may be at work here while the tests run."""
    newest = max(each.stat().st_mtime for each in (ROOT / "mailserver").rglob("*.py"))
    return newest > path.stat().st_ctime - 30


def test_the_libraries_agree_with_one_another(made):
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", made / "packaged/environment/bin/python3", "check"], **QUIET
    )
    assert done.returncode == 0, done.stdout


@no_dpkg
def test_what_is_in_the_package_and_whose_it_is(package):
    listing = subprocess.run(["dpkg-deb", "-c", package], **QUIET).stdout.splitlines()
    rows = {line.split()[5].lstrip("."): line.split()[:2] for line in listing}
    assert {owner for _, owner in rows.values()} == {"root/root"}
    assert {mode for mode, _ in rows.values()} == {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"}
    for name in (
        "/usr/bin/mailserver", "/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/bin/mailq", "/usr/bin/newaliases",
        "/usr/lib/systemd/system/mailserver.service", "/usr/share/man/man8/mailserver.8.gz",
        "/usr/share/bash-completion/completions/mailserver", "/usr/share/zsh/vendor-completions/_mailserver",
        "/usr/share/fish/vendor_completions.d/mailserver.fish", "/usr/share/doc/mailserver/copyright",
        "/usr/share/doc/mailserver/changelog.gz", "/usr/share/doc/mailserver/docs/upgrade.md",
        "/usr/share/mailserver/config.toml", "/usr/share/mailserver/alerts.yml",
    ):  # fmt: skip
        assert name in rows, name
    assert {path.name for path in (ROOT / "systemd").iterdir()} <= {
        Path(name).name for name in rows if name.startswith("/usr/lib/systemd/system/")
    }
    assert not [name for name in rows if "activate" in Path(name).name or name.endswith("direct_url.json")]
    control = subprocess.run(["dpkg-deb", "-f", package], **QUIET).stdout
    for field in ("Provides", "Conflicts", "Replaces"):
        assert f"{field}: mail-transport-agent\n" in control
    assert "python3." in control
    conffiles = subprocess.run(["dpkg-deb", "-I", package, "conffiles"], **QUIET).stdout.split()
    assert conffiles == sorted(name for name in rows if name.startswith("/etc/") and not name.endswith("/"))


@no_dpkg
def test_no_place_of_the_machine_that_built_it_is_in_the_package(package, made, tmp_path):
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    found = subprocess.run(["grep", "-rlFI", "-e", str(made), "-e", str(ROOT), tmp_path], **QUIET).stdout
    assert found == ""
    (compiled,) = tmp_path.glob("opt/mailserver/lib/python3*/site-packages/mailserver/__pycache__/__init__.*.pyc")
    assert b"/opt/mailserver/lib/python3" in compiled.read_bytes()
    if shutil.which("systemd-analyze"):
        units = tmp_path / "usr/lib/systemd/system"
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *sorted(units.glob("*.service"))],
            env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"}, **QUIET,
        )  # fmt: skip
        assert not [line for line in done.stderr.splitlines() if "mailserver" in line], done.stderr


def test_maintainer_scripts_are_whole():
    scripts = [ROOT / "packaging/debian" / name for name in ("preinst", "postinst", "prerm", "postrm", "sendmail")]
    for path in scripts:
        assert subprocess.run(["sh", "-n", path], **QUIET).returncode == 0
        assert path.read_text().startswith("#!/bin/sh\nset -e\n" if path.name != "sendmail" else "#!/bin/sh\nexec ")
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", *scripts], **QUIET)
        assert done.returncode == 0, done.stdout


@no_dpkg
@pytest.mark.skipif(
    not os.environ.get("DEB_TEST") or shutil.which("lintian") is None,
    reason="lintian looks at what is released: make deb-test, where it is installed",
)
def test_lintian_has_nothing_to_say(package):
    ours = (
        "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball"  # this one is not to be shipped
    )
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", ours, package], **QUIET
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with packaged.machine(tmp_path_factory.mktemp("machine")) as there:
        yield there


def served(there, given):
    """The server as the unit starts it: as its user, with the directory for its sockets."""
    given = {name: value for name, value in given.items() if name.startswith("MAILSERVER_")}
    given |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "RUNTIME_DIRECTORY": "/run/mailserver"}
    there.run("install", "-d", "-m", "755", "-o", "mailserver", "-g", "mailserver", "/run/mailserver")
    prefix = there.as_user("mailserver")
    return Server(there.exchange, given, program=("/usr/bin/mailserver",), prefix=prefix)


async def operated(there, *arguments):
    """What the server's own user is told by a command, without anything of the server's environment."""
    run = functools.partial(there.run, "mailserver", "--json", *arguments, user="mailserver")
    code, stdout, stderr = await asyncio.to_thread(run)
    assert code == 0, stderr
    return json.loads(stdout)


@no_machine
async def test_installed_set_up_upgraded_with_mail_in_the_queue_and_purged(package, machine):
    """One story, since each step stands on the one before."""
    old = packaged.earlier(package, machine.exchange, "0.0.1")
    shutil.copy(package, machine.exchange / "new.deb")
    code, _, stderr = machine.run("dpkg", "-i", f"/mnt/{old.name}")
    assert code == 0, stderr
    assert "mailserver setup HOST" in stderr
    assert machine.run("mailserver", "--version")[1].split()[-1] == "0.0.1"
    assert machine.run("dpkg", "-S", "/usr/sbin/sendmail")[1] == "mailserver: /usr/sbin/sendmail\n"
    config = "/etc/mailserver/config.toml"
    assert machine.run("stat", "-c", "%U:%G %a", config)[1] == "root:mailserver 640\n"
    assert machine.run("test", "-e", "/var/lib/mailserver")[0] == 1  # nothing was started
    assert machine.run("dpkg", "--verify", "mailserver")[1] == ""

    async with outside() as (remote, settings):
        remote.answers("RCPT TO:<b@", "451 4.2.1 later", always=True)
        given = settings_of(machine.exchange, **settings, sendmail__inbox="owner@local.test")
        del given["MAILSERVER_DATA_DIR"]
        (machine.exchange / "password").write_text(PASSWORD)
        code, _, stderr = machine.run(
            "mailserver", "setup", "mail.local.test", "--address", "owner@local.test", "--password-file",
            "/mnt/password", "--web", "proxy", "--non-interactive", "--no-watch",
            **{name: value for name, value in given.items() if name.startswith("MAILSERVER_")},
        )  # fmt: skip
        assert code == 0, stderr
        text = machine.run("cat", config)[1]
        assert 'hostname = "mail.local.test"' in text
        server = served(machine, given)
        await server.start()
        made = await operated(machine, "token", "create", "--inbox", "owner@local.test", "--scopes", "email:read")
        server.account = {"agent_token": made["token"]}
        await asyncio.to_thread(deliver, server, compose("kept"), to=("owner@local.test",))
        raw = "To: b@remote.test\nSubject: of cron\n\nx\n"
        by_nobody = functools.partial(machine.run, "sendmail", "-t", "-i", user="nobody", stdin=raw)
        code, _, stderr = await asyncio.to_thread(by_nobody)
        assert code == 0, stderr
        await until(lambda: _attempted(machine))
        assert await server.stop() == 0

        machine.run("sh", "-c", f"echo '# mine' >> {config}")
        code, _, stderr = await asyncio.to_thread(machine.run, "dpkg", "-i", "/mnt/new.deb")
        assert code == 0, stderr
        assert "start it again" in stderr
        assert "setup HOST" not in stderr
        assert machine.run("cat", config)[1] == text + "# mine\n"
        assert machine.run("mailserver", "--version")[1].split()[-1] != "0.0.1"
        assert machine.run("dpkg", "--verify", "mailserver")[1] == ""
        assert not remote.messages
        remote.forget_rules()
        await server.start()
        await until(lambda: remote.messages)
        assert b"Subject: of cron" in as_bytes(remote.messages[0].content)
        async with server.session() as gent:
            assert [row["subject"] for row in await listed(gent, folder="inbox")] == ["kept"]
        assert (await operated(machine, "verify", "--deep"))["ok"]
        assert await server.stop() == 0

    code, _, stderr = machine.run("dpkg", "--remove", "mailserver")
    assert code == 0, stderr
    for path, is_there in (("/opt/mailserver", False), (config, True), ("/var/lib/mailserver/mailserver.db", True)):
        assert (machine.run("test", "-e", path)[0] == 0) is is_there, path
    code, _, stderr = machine.run("dpkg", "--purge", "mailserver")
    assert code == 0, stderr
    assert "mail stays in /var/lib/mailserver" in stderr
    for path, is_there in (("/etc/mailserver", False), ("/var/lib/mailserver/mailserver.db", True)):
        assert (machine.run("test", "-e", path)[0] == 0) is is_there, path


async def _attempted(there):
    rows = await operated(there, "queue", "list")
    return rows and rows[0]["attempts"]


@no_machine
def test_an_environment_that_somebody_made_by_hand_is_not_mixed_with_the_package(package, machine):
    shutil.copy(package, machine.exchange / "new.deb")
    machine.run("mkdir", "-p", "/opt/mailserver/bin")
    code, _, stderr = machine.run("dpkg", "-i", "/mnt/new.deb")
    assert code != 0
    assert "not of this package" in stderr
    assert machine.run("ls", "-A", "/opt/mailserver")[1] == "bin\n"
