"""Setting a machine up, below a directory: whole, again, after a kill, and over what was half done."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import tomllib

import pytest
import pytest_asyncio

from tests.support import database_file, installed
from tests.support.installed import DOMAIN, HOST, OWNER
from tests.support.server import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(tmp_path_factory):
    """A machine that was set up, and what was said on the way."""
    found = installed.bare(tmp_path_factory.mktemp("machine"), health__addresses=["192.0.2.25", "2001:db8::25"])
    code, stdout, stderr = await found.setup("--acme-contact", "you@elsewhere.test", "--web", "direct")
    assert code == 0, stderr
    return found, stdout, stderr


def everything(machine):
    """Every file below the machine's root with its content; of a database its rows that matter."""
    found = {}
    for path in sorted(machine.root.rglob("*")):
        if path.is_file() and not path.name.startswith("mailserver.db"):
            found[str(path.relative_to(machine.root))] = path.read_bytes()
    with database_file.reading(machine.data) as database:
        for table in ("tenant", "member", "domain", "inbox", "password", "dkim_key"):
            found[table] = database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    return found


async def test_the_configuration_says_what_was_chosen_and_explains_the_rest(machine):
    there, _, _ = machine
    text = there.config.read_text()
    written = tomllib.loads(text)
    assert written["hostname"] == HOST
    assert written["data_dir"] == str(there.data)
    assert written["http"] == {"listen": ["0.0.0.0:443", "[::]:443"], "public_url": f"https://{HOST}", "tls": True}
    assert written["acme"] == {"enabled": True, "contact": ["you@elsewhere.test"], "terms_agreed": True}
    assert "#plus_separator" in text
    assert stat.S_IMODE(there.config.stat().st_mode) == 0o640
    assert stat.S_IMODE(there.data.stat().st_mode) == 0o700


async def test_the_zone_has_every_record_and_the_advice(machine):
    _, stdout, stderr = machine
    assert f"{HOST}. 3600 IN A 192.0.2.25" in stdout
    assert f"{HOST}. 3600 IN AAAA 2001:db8::25" in stdout
    assert f"{DOMAIN}. 3600 IN MX 10 {HOST}." in stdout
    assert stdout.count("._domainkey.") == 2
    assert f"_25._tcp.{HOST}. 3600 IN TLSA 3 1 1 " in stdout
    assert f"; 25.2.0.192.in-addr.arpa. 3600 IN PTR {HOST}." in stdout
    assert f"mailserver --config {machine[0].config} serve" in stderr
    strings = [part for line in stdout.splitlines() if " TXT " in line for part in line.split('"')[1::2]]
    assert max(map(len, strings)) == 255


async def test_the_owner_can_log_in_and_receive(machine):
    there, _, _ = machine
    settings = {f"MAILSERVER_{name.upper()}": '["127.0.0.1:0"]' for name in installed.PORTS}
    there.environment |= settings | {
        "MAILSERVER_HTTP__TLS": "false", "MAILSERVER_QUEUE__ALLOW_PRIVATE": "true", "MAILSERVER_ACME__ENABLED": "false",
    }  # fmt: skip
    async with installed.serving(there) as server:
        async with server.session("nobody") as http:
            answer = await http.post("/auth/login/", json={"email": OWNER, "password": PASSWORD})
            assert answer.status == 200
            token = (await answer.json())["access_token"]
        async with server.session(token) as http:
            answer = await http.get("/v1/health/")
            report = await answer.json()
        assert answer.status == 200
        assert report["server"] is True
        assert {row["check"] for row in report["findings"]} >= {"server", "dns.mx", "disk.room", "webhooks"}
        assert not {row["check"] for row in report["findings"]} & {"outbound", "database"}


async def test_a_second_run_finds_everything_and_changes_nothing(machine):
    there, _, _ = machine
    before = everything(there)
    code, stdout, stderr = await there.run(
        "--json", "setup", HOST, "--root", str(there.root), "--non-interactive", "--acme-contact", "you@elsewhere.test",
        "--web", "direct",
    )  # fmt: skip
    assert code == 0, stderr
    answer = json.loads(stdout)
    assert [step["what"] for step in answer["steps"] if step["new"]] == []
    assert {record["type"] for record in answer["records"]} >= {"A", "AAAA", "MX", "TXT", "CNAME", "TLSA"}
    assert everything(there) == before


async def test_another_host_is_refused_and_nothing_is_written_over(machine):
    there, _, _ = machine
    before = everything(there)
    code, _, stderr = await there.run("setup", "other.elsewhere.test", "--root", str(there.root), "--non-interactive")
    assert code == 73
    assert f"is for {HOST}, not for other.elsewhere.test" in stderr
    assert "--yes" in stderr
    assert everything(there) == before


async def test_a_half_written_configuration_is_named(machine):
    there, _, _ = machine
    whole = there.config.read_text()
    there.config.write_text(whole[: whole.index("[smtp]") + 3])
    try:
        code, _, stderr = await there.setup()
    finally:
        there.config.write_text(whole)
    assert code == 78
    assert str(there.config) in stderr
    assert "--yes" in stderr


async def test_what_is_needed_is_said(tmp_path):
    there = installed.bare(tmp_path)
    code, _, stderr = await there.run("setup", HOST, "--root", str(there.root), "--non-interactive")
    assert code == 2
    assert f"--address you@{DOMAIN}" in stderr
    code, _, stderr = await there.run("setup", "localhost", "--root", str(there.root), "--non-interactive")
    assert code == 73
    assert "no full name" in stderr


async def test_a_run_that_is_killed_is_finished_by_the_next(tmp_path, machine):
    there = installed.bare(tmp_path, health__addresses=["192.0.2.25"])
    (tmp_path / "password").write_text(PASSWORD + "\n")
    arguments = (
        "setup", HOST, "--root", str(there.root), "--address", OWNER, "--password-file", str(tmp_path / "password"),
        "--non-interactive", "--no-watch",
    )  # fmt: skip
    began = asyncio.get_running_loop().time()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver", *arguments, env=there.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while not (there.data / "keys" / DOMAIN).exists() and asyncio.get_running_loop().time() - began < 60:
        await asyncio.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    code, _, stderr = await there.setup()
    assert code == 0, stderr
    whole, found = everything(machine[0]), everything(there)
    assert {name.replace(".new", "") for name in found} >= {name for name in whole if not name.startswith("var")}
    assert [len(found[table]) for table in ("tenant", "member", "domain", "inbox", "password", "dkim_key")] == [
        1, 1, 1, 1, 1, 2,
    ]  # fmt: skip
