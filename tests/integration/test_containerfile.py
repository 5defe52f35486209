"""The container image: what its recipe says, and its variables and its health check at work."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.support.server import Server, environment

ROOT = Path(__file__).parents[2]


def instructions():
    """Every instruction with its argument; continued lines are one."""
    text = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def last_stage():
    found = instructions()
    start = max(index for index, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


def named_base():
    """The base image, where no other one is chosen."""
    (image,) = [text.partition("=")[2] for name, text in instructions() if name == "ARG" and text.startswith("BASE=")]
    return image


def variables():
    (text,) = [text for name, text in last_stage() if name == "ENV"]
    return {name: value.strip("'") for name, value in re.findall(r"(\w+)=('[^']*'|\S+)", text)}


def test_nothing_runs_as_root_and_what_must_survive_has_its_volume():
    stage = last_stage()
    names = [name for name, _ in stage]
    (user,) = [text for name, text in stage if name == "USER"]
    assert user.partition(":")[0].isdigit()  # an engine that insists on a user who is not root needs a number
    assert int(user.partition(":")[0]) >= 1000
    assert not {"RUN", "COPY", "ADD"} & set(names[names.index("USER") :])
    assert ("VOLUME", "/data") in stage
    assert ("STOPSIGNAL", "SIGTERM") in stage
    assert variables()["MAILSERVER_DATA_DIR"].startswith("/data/")
    assert variables()["MAILSERVER_CONFIG"].startswith("/data/")
    (labels,) = [text for name, text in stage if name == "LABEL"]
    for label in ("title", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in labels


def test_both_stages_stand_on_one_exact_version_and_only_locked_libraries_come_in():
    found = instructions()
    assert {text.split()[0] for name, text in found if name == "FROM"} == {"${BASE}"}
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+\.\d+-slim-\w+", named_base())
    last = [text for name, text in last_stage() if name == "ARG"]
    assert not [text for text in last if text.startswith("PIP_")]  # it may hold a password
    assert not [text for name, text in found if name == "ADD" or "curl" in text or "apt-get" in text]
    installs = [text for name, text in found if name == "RUN" and "pip install" in text]
    assert all("--require-hashes" in text or "--no-deps" in text for text in installs)
    for name, text in found:
        if name == "COPY" and "--from" not in text:
            for source in text.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in (ROOT / ".containerignore").read_text().split()


def test_every_port_that_is_listened_on_can_be_opened_without_rights_and_is_documented():
    ports = {
        port for name, value in variables().items() if name.endswith("LISTEN")
        for port in (int(each.rpartition(":")[2]) for each in json.loads(value))
    }  # fmt: skip
    assert min(ports) >= 1024
    (exposed,) = [text for name, text in last_stage() if name == "EXPOSE"]
    assert {int(port) for port in exposed.split()} == ports
    page = (ROOT / "docs/packages.md").read_text()
    assert {int(port) for port in re.findall(r"^\| \d+ \| (\d+) \|", page, re.MULTILINE)} == ports


async def test_the_server_starts_with_the_images_variables_and_the_health_check_knows(tmp_path):
    given = {name: value for name, value in variables().items() if name.startswith("MAILSERVER_")}
    given = {name: re.sub(r"0\.0\.0\.0:\d+", "127.0.0.1:0", value) for name, value in given.items()}
    given |= {"MAILSERVER_DATA_DIR": str(tmp_path / "store"), "MAILSERVER_CONFIG": str(tmp_path / "config.toml")}
    (tmp_path / "config.toml").write_text('hostname = "mail.local.test"\n')
    for tls in ("false", "true"):
        server = Server(tmp_path, environment(tmp_path) | given | {"MAILSERVER_HTTP__TLS": tls})
        await server.start()
        assert await healthy(server) == (0, "")
        assert await server.stop() == 0
        code, said = await healthy(server)
        assert code == 1
        assert "not ready" in said


async def healthy(server):
    (line,) = [text for name, text in last_stage() if name == "HEALTHCHECK"]
    command = json.loads(line[line.index("[") :])
    assert command == ["python", "/opt/mailserver/healthcheck.py"]
    done = subprocess.run(
        [sys.executable, "-I", ROOT / "packaging/healthcheck.py"], env=server.environment, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stderr
