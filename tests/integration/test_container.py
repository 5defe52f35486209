"""The container image is built and run as its page says: set up, read-only, killed, upgraded with mail waiting."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from mailserver import __version__
from tests.integration.test_containerfile import named_base
from tests.support.containers import Engine, built, earlier
from tests.support.server import PASSWORD

ROOT = Path(__file__).parents[2]
IMAGE, BEFORE = "localhost/mailserver:test", "localhost/mailserver:test-before"
UNIT = ROOT / "packaging/mailserver.container"
GENERATOR = Path("/usr/lib/systemd/system-generators/podman-system-generator")
SETUP = (
    "setup", "mail.example.test", "--config", "/data/config.toml", "--data-dir", "/data/store", "--no-systemd",
    "--no-watch", "--non-interactive",
)  # fmt: skip
LETTER = "From: you@example.test\nTo: nobody@far.test\nSubject: kept\n\nhello\n"
at_release = pytest.mark.skipif(
    not os.environ.get("DEB_TEST"),
    reason="it builds and runs an image, which takes minutes and an engine: make deb-test",
)
building = [at_release, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    directory = tmp_path_factory.mktemp("image")
    built(IMAGE, named_base(), directory)
    earlier(BEFORE, IMAGE, "0.0.1", tmp_path_factory.mktemp("before"))
    found = Engine.found(IMAGE, f"mailserver-test={directory}")
    yield found
    found.remove_all()


@pytest.fixture
def volume(engine):
    name = engine.must("volume", "create").strip()
    yield name
    engine.remove_all()
    engine.must("volume", "rm", "-f", name)


def set_up(engine, volume, image):
    return engine.run(
        "--rm", "-i", "-v", f"{volume}:/data", image, *SETUP, "--address", "you@example.test", "--password-file",
        "/dev/stdin", stdin=PASSWORD + "\n",
    )  # fmt: skip


def queue(engine, name):
    return json.loads(engine.must("exec", name, "mailserver", "--json", "queue", "list"))


@pytest.mark.usefixtures("engine")
class TestTheImage:
    pytestmark = building

    def test_it_is_what_its_recipe_says(self, engine):
        found = json.loads(engine.must("inspect", "--type", "image", IMAGE))[0]["Config"]
        assert found["User"] == "10001:10001"
        assert found["Labels"]["org.opencontainers.image.version"] == __version__
        assert "/data" in found["Volumes"]
        assert __version__ in engine.run("--rm", IMAGE, "--version").stdout
        said = engine.run("--rm", "--entrypoint", "sh", IMAGE, "-c", "id -u; stat -c '%u %a' /data; ls /source").stdout
        assert said == "10001\n10001 700\n"
        left = engine.run("--rm", "--entrypoint", "sh", IMAGE, "-c", "ls -d /opt/mailserver/lib/python3*/*/pip").stdout
        assert left == ""

    def test_mail_in_the_queue_is_kept_over_stop_kill_and_upgrade(self, engine, volume):
        done = set_up(engine, volume, BEFORE)
        assert done.returncode == 0, done.stderr
        assert "mail.example.test" in done.stdout
        place = ("-v", f"{volume}:/data")
        engine.start("mail", BEFORE, *place)
        tried = engine.ask("exec", "mail", "sh", "-c", "id -u; touch /x /opt/x /usr/x; touch /data/x && rm /data/x")
        assert tried.stdout == "10001\n"
        assert tried.stderr.count("Read-only file system") == 3
        looked = json.loads(engine.ask("exec", "mail", "mailserver", "--json", "doctor").stdout)
        assert [row["status"] for row in looked if row["check"] == "server"] == ["ok"]

        engine.must("exec", "-i", "mail", "mailserver", "sendmail", "-t", stdin=LETTER)
        (waiting,) = queue(engine, "mail")
        began = time.monotonic()
        engine.must("stop", "mail")
        assert time.monotonic() - began < 45
        assert engine.must("inspect", "--format", "{{.State.ExitCode}}", "mail").strip() == "0"
        engine.must("start", "mail")
        engine.until_healthy("mail")
        assert [row["id"] for row in queue(engine, "mail")] == [waiting["id"]]

        engine.must("kill", "--signal", "KILL", "mail")
        engine.must("rm", "-f", "mail")
        engine.start("mail", IMAGE, *place)
        assert __version__ in engine.must("exec", "mail", "mailserver", "--version")
        assert [row["id"] for row in queue(engine, "mail")] == [waiting["id"]]
        again = engine.ask("exec", "mail", "mailserver", *SETUP)  # it finds what is there, and the server goes on
        assert "nothing was changed" in again.stderr, again.stderr
        other = engine.run("--rm", *place, IMAGE, *SETUP)
        assert "in use by another mailserver process" in other.stderr

    def test_the_health_check_is_red_where_nothing_serves(self, engine):
        assert engine.run("-d", "--name", "idle", "--entrypoint", "sleep", IMAGE, "600").returncode == 0
        code, said = engine.health("idle")
        assert code == 1
        assert said.startswith("not ready: ")

    def test_what_is_missing_has_its_sentence_and_its_exit_code(self, engine, tmp_path):
        done = engine.run("--rm", IMAGE)
        assert done.returncode == 78, done.stderr
        assert "`mailserver setup HOST` makes one" in done.stderr
        (tmp_path / "config.toml").write_text('hostname = "mail.example.test"\n')
        tmp_path.chmod(0o755)
        done = engine.run("--rm", "-v", f"{tmp_path}:/data", IMAGE)  # a directory of the host that is another user's
        assert done.returncode == 73, done.stderr
        assert "Permission denied" in done.stderr
        assert "Traceback" not in done.stderr

    def test_the_demo_runs_in_it(self, engine):
        page = (ROOT / "docs/packages.md").read_text()
        found = re.search(r"(-e \S+) .*\\\n +mailserver (demo --directory \S+)", page)
        done = engine.run("-d", "--name", "demo", *found[1].split(), IMAGE, *found[2].split())
        assert done.returncode == 0, done.stderr
        engine.until_healthy("demo")
        assert "agent@demo.test" in engine.must("logs", "demo")


def unit():
    found = {}
    for line in UNIT.read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_the_unit_for_podman_is_what_the_page_says_to_run():
    page = (ROOT / "docs/packages.md").read_text()
    (command,) = re.findall(r"(?s)podman run -d --name mail .*?\n```", page)
    said = unit()
    assert re.findall(r"-p (\S+)", command) == said["PublishPort"]
    assert re.findall(r"-v (\S+)", command) == said["Volume"]
    for option in said["PodmanArgs"][0].split("--")[1:]:
        assert option.strip() in command
    for key, option in (("ReadOnly", "--read-only"), ("NoNewPrivileges", "no-new-privileges")):
        assert said[key] == ["true"]
        assert option in command
    assert said["DropCapability"] == ["all"]
    assert "--cap-drop all" in command
    assert "localhost/mailserver:latest" in said["Image"]
    seconds = int(re.search(r"--stop-timeout (\d+)", command)[1])
    assert int(said["TimeoutStopSec"][0]) > seconds


@pytest.mark.skipif(not GENERATOR.exists(), reason="this podman has no Quadlet: 4.4 or newer does")
def test_podman_makes_a_unit_of_it_that_systemd_takes(tmp_path):
    shutil.copy(UNIT, tmp_path)
    done = subprocess.run(
        [GENERATOR, "--dryrun"], env=os.environ | {"QUADLET_UNIT_DIRS": str(tmp_path)}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ExecStart=" in done.stdout
    assert "--read-only" in done.stdout
    assert "Unsupported key" not in done.stderr
