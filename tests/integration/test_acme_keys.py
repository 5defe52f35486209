"""Keys that change and certificates that are revoked, with a real authority, pebble, over a whole appliance."""

import asyncio
import json

import dns.zone
import pytest

from mailserver.cli import talk_once
from mailserver.mail import tlsa
from tests.integration.test_acme import settings, shown_by_smtp, spki
from tests.support import pebble, waiting
from tests.support.pebble import Pebble
from tests.support.server import CommandFailed, running_server
from tests.support.zone import NameServer

pytestmark = pytest.mark.skipif(pebble.missing() is not None, reason=str(pebble.missing()))

HOST, DOMAIN = "mail.local.test", "@local.test"
ZONE = """
@ 0 IN SOA . . 1 60 60 60 0
localhost 0 IN A 127.0.0.1
mail.local.test. 0 IN A 127.0.0.1
mta-sts.local.test. 0 IN A 127.0.0.1
"""


def publish(names, *records):
    """Have DNS show TLSA records, as `cert rekey` and `dns show` print their values."""
    lines = "".join(f"_25._tcp.{HOST}. 0 IN TLSA {value}\n" for value in records)
    names.zone = dns.zone.from_text(ZONE + lines, origin=".", check_origin=False, relativize=False)


async def served(server):
    certificate, client = await asyncio.to_thread(shown_by_smtp, server)
    client.close()
    return certificate


def value(certificate):
    return tlsa.text(tlsa.of_key(spki(certificate)))


async def ask(server, verb, **arguments):
    """What the command line asks of the server, without the second that a command takes to start."""
    path = server.directory / "data/admin.sock"
    answer = await asyncio.to_thread(talk_once.ask, path, verb, arguments)
    assert "error" not in answer, answer
    return answer["result"]


async def until_both_are_there(server):
    async def question():
        rows = {row["name"]: row for row in await ask(server, "cert.status")}
        return rows if all(rows.get(name, {}).get("source") == "acme" for name in (HOST, DOMAIN)) else None

    return await waiting.until(question)


async def test_keys_that_are_old_and_keys_that_have_leaked(tmp_path):
    async with (
        NameServer(".", ZONE) as names,
        Pebble(tmp_path / "ca", f"127.0.0.1:{names.port}") as ca,
        running_server(
            tmp_path, dns__nameservers=[f"127.0.0.1:{names.port}"], **settings(ca, acme__challenge="http-01")
        ) as server,
    ):  # fmt: skip
        rows = await until_both_are_there(server)
        first = await served(server)

        # The key is old: its successor waits for its TLSA record, over a kill, too.
        publish(names, value(first))
        waits = await ask(server, "cert.rekey", name=HOST)
        following = waits["publish"].partition(" IN TLSA ")[2]

        # The account gets another key, and goes on with it.
        (path,) = (tmp_path / "data/tls").glob("account-*.json")
        before = json.loads(path.read_text())
        assert (await ask(server, "cert.account.rekey"))["account"] == before["url"]
        after = json.loads(path.read_text())
        assert after["key"] != before["key"]
        assert set(after) == {"key", "url", "identities"}
        again = await ask(server, "cert.revoke", name=HOST, reason="superseded")
        assert await ca.fate(f"{first.serial_number:x}") == ("Revoked", 4)
        assert (again["is_done"], again["changed"]["publish"]) == (True, waits["publish"])
        second = await served(server)
        assert spki(second) == spki(first)

        await server.kill()
        path.unlink()  # the account is gone, too
        await server.start()
        shown = [row["value"] for row in await ask(server, "dns.show", domain="local.test") if row["type"] == "TLSA"]
        assert shown == [value(first), following]
        assert (await served(server)).serial_number == second.serial_number
        publish(names, value(first), following)
        changed = await ask(server, "cert.rekey", name=HOST, at_once=True)
        third = await served(server)
        assert value(third) == following
        assert [one.partition(" IN TLSA ")[2] for one in changed["remove"]] == [value(first)]

        # The key has leaked: another one is served before the authority is asked to revoke.
        serial = f"{third.serial_number:x}"
        assert (await ca.fate(serial))[0] == "Valid"
        answer = await server.command("cert", "revoke", HOST, "--reason", "key-compromise", "--yes")
        fourth = await served(server)
        assert answer["is_done"]
        assert await ca.fate(serial) == ("Revoked", 1)
        assert spki(fourth) not in (spki(first), spki(third))
        assert answer["changed"]["publish"].endswith(value(fourth))
        assert [one.partition(" IN TLSA ")[2] for one in answer["changed"]["remove"]] == [value(third)]
        await ask(server, "cert.revoke", name=HOST, reason="key-compromise")
        assert (await served(server)).serial_number == fourth.serial_number

        # A certificate that the account of before has ordered: its own key says that it may be revoked.
        assert not server.logged("certificate.revocation.by_key")
        answer = await ask(server, "cert.revoke", name=DOMAIN, reason="superseded")
        assert (answer["is_done"], answer["serials"]) == (True, [rows[DOMAIN]["serial"]])
        assert await ca.fate(rows[DOMAIN]["serial"].lstrip("0")) == ("Revoked", 4)
        assert len(server.logged("certificate.revocation.by_key")) == 1

        await asyncio.to_thread(ca.stop)
        serial = f"{fourth.serial_number:x}"
        with pytest.raises(CommandFailed) as unreachable:
            await server.command("cert", "revoke", HOST, "--serial", serial, "--yes")
        assert unreachable.value.code == 69
        rows = {row["name"]: row for row in await ask(server, "cert.status")}
        assert rows[HOST]["revoked_for"] == "unspecified"
        findings = {row["check"]: row["status"] for row in await ask(server, "doctor", only=["certificate"])}
        assert findings["certificate.revoked"] == "failed"
