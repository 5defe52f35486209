"""The doctor on a machine that was just set up: green where it can be on loopback, and exact where something breaks."""

import asyncio
import json
import time

import pytest
import pytest_asyncio

from tests.support import database_file, installed, knot, unbound
from tests.support.installed import DOMAIN, HOST, Zone

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(bool(knot.missing()), reason=str(knot.missing())),
    pytest.mark.skipif(bool(unbound.missing()), reason=str(unbound.missing())),
]
# What cannot be right on a machine that only has loopback, each for a reason that the finding gives.
ONLY_HERE = {
    "ports.smtp", "ports.submission", "ports.submissions", "server.user", "server.files", "clock", "backup", "systemd",
    "disk.sync", "disk.room",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory):
    """A machine that runs, with its zone published."""
    directory = tmp_path_factory.mktemp("house")
    settings = installed.certified(directory / "certificates")
    settings |= installed.listening(health__addresses=["127.0.0.1"], health__signed_name=DOMAIN)
    machine = installed.bare(directory, **settings)
    code, _, stderr = await machine.setup()
    assert code == 0, stderr
    _, snippet, _ = await machine.run("--config", str(machine.config), "dns", "zone", DOMAIN)
    zone = Zone(directory, snippet)
    async with zone.served() as (_, resolver):
        machine.environment["MAILSERVER_DNS__NAMESERVERS"] = json.dumps([resolver.address])
        machine.environment["MAILSERVER_DNS__TIMEOUT_SECONDS"] = "20"
        async with installed.serving(machine) as server:
            yield machine, zone, server


async def settled(machine, *arguments, until, seconds=60):
    """What the doctor says, once it says that: the name server takes a moment."""
    deadline = time.monotonic() + seconds
    while True:
        code, rows = await machine.doctor(*arguments)
        if until(rows) or time.monotonic() > deadline:
            return code, rows
        await asyncio.sleep(0.2)


async def test_a_machine_that_was_just_set_up_is_well(house):
    machine, _, _ = house
    code, rows = await machine.doctor()
    failed = [row for row in rows if row["status"] == "failed"]
    assert not failed
    assert code == 0
    warned = {row["check"] for row in rows if row["status"] == "warning"}
    assert warned <= ONLY_HERE, [row for row in rows if row["check"] in warned - ONLY_HERE]
    well = {row["check"] for row in rows if row["status"] == "ok"}
    assert {
        "server", "host.address", "ports.http", "certificate.name", "certificate.dates", "certificate.chain",
        "resolver", "resolver.dnssec", "dns.mx", "dns.spf", "dns.dkim", "dns.dmarc", "dns.mta-sts", "dns.tls-rpt",
        "dns.tlsa", "spf", "dkim", "mta-sts.policy", "queue", "journal", "database", "files", "permissions.data",
        "permissions.socket",
    } <= well  # fmt: skip
    assert all(row["fix"] for row in rows if row["status"] == "warning")
    assert all(set(row) == {"check", "status", "subject", "detail", "why", "fix"} for row in rows)


async def test_the_way_out_is_tried_where_the_operator_says(house):
    machine, _, _ = house
    code, rows = await machine.doctor("--only", "outbound", "--outbound", HOST)
    assert code == 0
    assert [(row["check"], row["status"], row["subject"]) for row in rows] == [("outbound", "ok", HOST)]
    code, rows = await machine.doctor("--only", "outbound", "--outbound", "nowhere.local.test")
    assert (code, rows[0]["status"]) == (1, "failed")
    assert "nowhere.local.test" in rows[0]["detail"]


async def test_nothing_is_asked_of_the_network_offline(house):
    machine, _, _ = house
    _, rows = await machine.doctor("--offline")
    groups = {row["check"].partition(".")[0] for row in rows}
    assert not groups & {"dns", "spf", "host", "ports", "outbound", "lists", "resolver", "mta-sts"}
    assert {"disk", "database", "dkim", "queue", "permissions", "server"} <= groups


async def test_watching_tells_what_is_wrong_and_ends_when_it_is_right(house):
    machine, zone, _ = house
    zone.publish({" MX ": "", "_dmarc": ""})
    code, rows = await settled(machine, "--only", "dns", until=lambda rows: any(r["status"] == "failed" for r in rows))
    assert code == 1
    failed = {row["check"]: row for row in rows if row["status"] == "failed"}
    assert set(failed) == {"dns.mx", "dns.dmarc"}
    assert failed["dns.mx"]["fix"] == f"Publish: {DOMAIN}. 3600 IN MX 10 {HOST}."
    watching = await machine.begin(
        "--config", str(machine.config), "dns", "check", DOMAIN, "--watch", "--interval", "1",
        PYTHONUNBUFFERED="1",
    )  # fmt: skip
    async with asyncio.timeout(90):
        before = (await watching.stdout.readuntil(f"MX {DOMAIN} is missing.".encode())).decode()
        await asyncio.sleep(1.5)
        assert watching.returncode is None
        zone.publish({})
        after, stderr = (each.decode() for each in await watching.communicate())
    assert watching.returncode == 0, stderr
    assert f"MX {DOMAIN} is right." not in before
    assert f"MX {DOMAIN} is right." in after
    assert f"Publish: {DOMAIN}. 3600 IN MX 10 {HOST}." in before + after


async def test_people_read_it_in_lines(house):
    machine, _, _ = house
    code, stdout, _ = await machine.run("--config", str(machine.config), "doctor", DOMAIN, "--only", "dns.mx")
    assert code == 0
    assert stdout.splitlines() == [f"ok        dns.mx  {DOMAIN}: MX {DOMAIN} is right.", "1 ok"]
    code, _, stderr = await machine.run("--config", str(machine.config), "doctor", "--only", "dnss")
    assert code == 2
    assert "The checks are" in stderr


async def test_a_backup_is_known_of(house, tmp_path):
    machine, _, _ = house
    code, _, stderr = await machine.run("--config", str(machine.config), "backup", str(tmp_path / "backups"))
    assert code == 0, stderr
    _, rows = await machine.doctor("--only", "backup")
    assert rows[0]["status"] == "ok"
    assert str(tmp_path / "backups") in rows[0]["detail"]


async def test_open_doors_and_lost_files_are_found(house):
    machine, _, _ = house
    key = next((machine.data / "keys" / DOMAIN).glob("*.pem"))
    machine.data.chmod(0o755)
    key.chmod(0o644)
    try:
        code, rows = await machine.doctor("--only", "permissions")
    finally:
        machine.data.chmod(0o700)
        key.chmod(0o600)
    assert code == 1
    failed = {row["check"]: row for row in rows if row["status"] == "failed"}
    assert failed["permissions.data"]["fix"] == f"chmod 0700 {machine.data}"
    assert failed["permissions.keys"]["fix"] == f"chmod 0600 {key}"


async def test_without_a_server_it_says_so_and_what_the_directory_tells(house):
    machine, _, server = house
    assert await server.stop() == 0
    try:
        code, rows = await machine.doctor("--only", "server", "--only", "dns", "--only", "database")
        assert code == 1
        assert [row["check"] for row in rows if row["status"] == "failed"] == ["server"]
        assert "No server runs" in rows[0]["detail"]
        assert any(row["check"] == "dns.tlsa" and row["status"] == "ok" for row in rows)
        with database_file.writing(machine.data) as database:
            database.execute("UPDATE dkim_key SET public_key = 'AAAA' WHERE algorithm LIKE 'rsa%'")
        code, rows = await machine.doctor("--only", "dkim")
        assert code == 1
        assert "is another one" in next(row["detail"] for row in rows if row["status"] == "failed")
    finally:
        await server.start()
