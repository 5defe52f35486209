"""Certificates from a real authority, pebble: all three proofs, over a whole appliance."""

import asyncio
import json
import smtplib
import ssl
import stat
import time

import aiohttp
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailserver.mail import tlsa
from tests.support import pebble
from tests.support.pebble import Pebble
from tests.support.server import CommandFailed, running_server
from tests.support.zone import NameServer

pytestmark = pytest.mark.skipif(pebble.missing() is not None, reason=str(pebble.missing()))

ZONE = """
@ 60 IN SOA . . 1 60 60 60 60
localhost 60 IN A 127.0.0.1
mail.local.test. 60 IN A 127.0.0.1
mta-sts.local.test. 60 IN A 127.0.0.1
autoconfig.local.test. 60 IN A 127.0.0.1
autodiscover.local.test. 60 IN A 127.0.0.9
"""
NAMES = {"mta-sts.local.test", "autoconfig.local.test"}


class HookedServer(NameServer):
    """Answers TXT with what the hook has written into files, too."""

    directory = None

    def _fill(self, answer, question):
        path = self.directory / question.name.to_text(omit_final_dot=True) if self.directory else None
        if path is not None and question.rdtype == dns.rdatatype.TXT and path.exists():
            record = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.TXT, f'"{path.read_text().strip()}"')
            answer.answer.append(dns.rrset.from_rdata(question.name, 1, record))
            return
        super()._fill(answer, question)


def settings(ca, **more):
    return {
        "acme__enabled": True,
        "acme__directory": ca.url,
        "acme__terms_agreed": True,
        "acme__contact": ["postmaster@local.test"],
        "acme__authorities": str(ca.trust),
        "acme__http_listen": [f"127.0.0.1:{ca.http_port}"],
        **more,
    }


async def until_issued(server, seconds=40):
    """Wait for both certificates; how they stand then."""
    deadline = time.monotonic() + seconds
    while server.log.count('"certificate.obtained"') < 2:
        assert "certificate.refused" not in server.log, server.log[-3000:]
        assert time.monotonic() < deadline, server.log[-3000:]
        await asyncio.sleep(0.1)
    return {row["name"]: row for row in await server.command("cert", "status")}


def shown_by_smtp(server):
    """The certificate on port 25, and its STARTTLS connection, still open."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = smtplib.SMTP(*server.smtp, timeout=60)
    client.starttls(context=context)
    return x509.load_der_x509_certificate(client.sock.getpeercert(binary_form=True)), client


def spki(certificate):
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


async def shown_by_https(server, name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, port = server.listeners["http"][0].split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=name)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der)


def names_of(certificate):
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(found.get_values_for_type(x509.DNSName))


async def test_http_proofs_renewal_without_a_lost_connection_and_a_kill(tmp_path):
    async with (
        NameServer(".", ZONE) as names,
        Pebble(tmp_path / "ca", f"127.0.0.1:{names.port}") as ca,
        running_server(
            tmp_path, dns__nameservers=[f"127.0.0.1:{names.port}"], http__public_url="https://mail.local.test",
            **settings(ca, acme__challenge="http-01"),
        ) as server,
    ):  # fmt: skip
        own = x509.load_pem_x509_certificate((tmp_path / "data/tls/self-signed.pem").read_bytes())
        rows = await until_issued(server)
        assert set(rows["@local.test"]["names"]) == NAMES
        (left,) = rows["@local.test"]["left_out"]
        assert left["name"] == "autodiscover.local.test"
        assert "127.0.0.9" in left["reason"]
        assert "Pebble" in rows["mail.local.test"]["issuer"]
        assert rows["mail.local.test"]["renew_at"] < rows["mail.local.test"]["not_after_at"]
        first, client = await asyncio.to_thread(shown_by_smtp, server)
        assert names_of(first) == {"mail.local.test"}
        assert spki(first) == spki(own)  # the TLSA record that was published before stays right
        (record,) = [row for row in await server.command("dns", "show", "local.test") if row["type"] == "TLSA"]
        assert record["value"] == tlsa.text(tlsa.of_key(spki(first)))
        for path in (tmp_path / "data/tls").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path

        renewed = {row["name"]: row for row in await server.command("cert", "renew", "mail.local.test", "--force")}
        assert not renewed["mail.local.test"]["last_error"]
        second, again = await asyncio.to_thread(shown_by_smtp, server)
        assert second.serial_number != first.serial_number
        assert spki(second) == spki(first)
        assert client.noop()[0] == 250  # the connection of before the change goes on
        client.close()
        again.close()

        async with aiohttp.ClientSession() as web:
            base = f"http://127.0.0.1:{ca.http_port}"
            async with web.get(f"{base}/a/b?c=d", allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (308, "https://mail.local.test/a/b?c=d")
            async with web.get(f"{base}/.well-known/acme-challenge/none") as answer:
                assert answer.status == 404
            async with web.get(f"{server.http}/metrics") as answer:
                metrics = await answer.text()
        metric = 'mailserver_tls_certificate_expiry_timestamp_seconds{name="mail.local.test"}'
        (ends,) = [line.split()[1] for line in metrics.splitlines() if line.startswith(metric)]
        assert float(ends) == second.not_valid_after_utc.timestamp()

        with pytest.raises(CommandFailed) as refused:
            await server.command("cert", "renew", "nowhere.test")
        assert refused.value.code == 65
        orders = ca.log.read_text().count("There are now")
        await server.kill()
        rows = {row["name"]: row for row in await server.command("cert", "status")}
        assert rows["mail.local.test"]["source"] == "acme"
        with pytest.raises(CommandFailed) as offline:
            await server.command("cert", "renew")
        assert offline.value.code == 75
        await server.start()
        third, client = await asyncio.to_thread(shown_by_smtp, server)
        client.close()
        assert third.serial_number == second.serial_number
        assert ca.log.read_text().count("There are now") == orders


async def test_proofs_by_the_https_listener_which_shows_each_name_its_certificate(tmp_path):
    async with (
        NameServer(".", ZONE) as names,
        Pebble(tmp_path / "ca", f"127.0.0.1:{names.port}") as ca,
        running_server(
            tmp_path, dns__nameservers=[f"127.0.0.1:{names.port}"], http__tls=True,
            http__listen=[f"127.0.0.1:{ca.tls_port}"], **settings(ca, acme__challenge="tls-alpn-01"),
        ) as server,
    ):  # fmt: skip
        assert "acme" not in server.listeners
        await until_issued(server)
        assert names_of(await shown_by_https(server, "mail.local.test")) == {"mail.local.test"}
        assert names_of(await shown_by_https(server, "autoconfig.local.test")) == NAMES
        assert names_of(await shown_by_https(server, "elsewhere.test")) == {"mail.local.test"}


async def test_proofs_by_the_operators_program_and_an_account_that_is_bound(tmp_path):
    records = tmp_path / "records"
    records.mkdir()
    hook = tmp_path / "hook"
    hook.write_text(
        f'#!/bin/sh\ncase $1 in\npresent) echo "$3" > {records}/"$2";;\ncleanup) rm {records}/"$2";;\nesac\n'
    )
    hook.chmod(0o755)
    secret = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    names = HookedServer(".", ZONE)
    names.directory = records
    async with (
        names,
        Pebble(tmp_path / "ca", f"127.0.0.1:{names.port}", bindings={"kid-1": secret}) as ca,
        running_server(
            tmp_path, dns__nameservers=[f"127.0.0.1:{names.port}"],
            **settings(ca, acme__dns_hook=str(hook), acme__binding_key_id="kid-1", acme__binding_secret=secret),
        ) as server,
    ):  # fmt: skip
        assert "acme" not in server.listeners
        await until_issued(server)
        assert not [*records.iterdir()]
        assert secret not in server.log
        account = json.loads(next((tmp_path / "data/tls").glob("account-*.json")).read_text())
        assert account["url"].startswith("https://localhost:")
