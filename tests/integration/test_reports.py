"""Aggregate reports over the real process: mail comes in, the day ends, reports go out and come back."""

import asyncio
import email.utils
import gzip
import smtplib
import sys

import dkim
import pytest

from mailserver.mail import dmarc_report, headers, report_letter, tls_report
from tests.support import reports
from tests.support.remote import Remote
from tests.support.server import PASSWORD, CommandFailed, running_server
from tests.support.waiting import until
from tests.support.zone import NameServer

ZONE = """
@ 60 IN SOA . . 1 3600 600 86400 60
far.test. 60 IN MX 10 mx.far.test.
far.test. 60 IN TXT "v=spf1 ip4:127.0.0.1 -all"
mx.far.test. 60 IN A 127.0.0.1
_dmarc.far.test. 60 IN TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@far.test,mailto:spied@victim.test"
_smtp._tls.far.test. 60 IN TXT "v=TLSRPTv1; rua=mailto:tls@far.test"
_dmarc.other.test. 60 IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@other.test"
"""


def say(server, sender, author, to="agent@local.test"):
    raw = f"From: <{author}>\r\nTo: <{to}>\r\nSubject: Hello\r\nDate: {email.utils.formatdate()}\r\n\r\nHello.\r\n"
    send_raw(server, raw.encode(), to, sender)


def send_raw(server, raw, to, sender="reports@remote.test"):
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.sendmail(sender, [to], raw)


async def listed(server, count, *options):
    async def there():
        rows = await server.command("reports", "list", *options)
        return rows if len(rows) >= count else None

    return await until(there)


def content(raw):
    (file,) = report_letter.files(raw)
    return gzip.decompress(file)


@pytest.fixture
async def remote():
    async with Remote() as opened:
        yield opened


@pytest.fixture
async def server(tmp_path, remote):
    async with (
        NameServer(".", ZONE) as zone,
        running_server(
            tmp_path / "server", dns__nameservers=[f"127.0.0.1:{zone.port}"], queue__remote_port=remote.port,
            outbound_http__allow_private=True,
        ) as running,
    ):  # fmt: skip
        yield running


async def test_reports_go_out_signed_and_come_back_to_the_tenant_that_they_are_about(server, remote):
    path = server.directory / "password"
    path.write_text(PASSWORD)
    second = await server.command(
        "bootstrap", "--domain", "other.test", "--address", "agent@other.test", "--password-file", str(path)
    )
    for sender, author in (
        ("a@far.test", "a@far.test"), ("b@far.test", "a@far.test"), ("x@evil.test", "a@far.test"),
        ("x@evil.test", "ceo@other.test"),
    ):  # fmt: skip
        await asyncio.to_thread(say, server, sender, author)
    assert await server.command("reports", "send") == {"made": 0, "sent": 0}  # the day is not over
    assert await server.command("reports", "send", "--today") == {"made": 3, "sent": 2}

    await until(lambda: remote.messages)
    (got,) = remote.messages
    assert got.recipients[0].startswith("RCPT TO:<dmarc@far.test>")
    records = {row["name"]: row["value"] for row in await server.command("dns", "show", "local.test")}
    assert dkim.verify(got.content, dnsfunc=lambda name, timeout=5: records.get(name.decode().rstrip("."), "").encode())
    head, _ = headers.split(got.content)
    assert head.text("from").endswith("<postmaster@local.test>")
    report = dmarc_report.read(content(got.content))
    assert (report.published.domain, report.published.p, report.total, report.failed) == (
        "far.test", "quarantine", 3, 1,
    )  # fmt: skip
    assert {(row.source_ip, row.count, row.disposition, row.spf, row.envelope_from) for row in report.rows} == {
        ("127.0.0.1", 2, "pass", "pass", "far.test"), ("127.0.0.1", 1, "quarantine", "fail", "evil.test"),
    }  # fmt: skip

    out = {row["destination"]: row for row in await server.command("reports", "list", "--direction", "out")}
    assert out["mailto:dmarc@far.test"]["state"] == "queued"
    assert out["mailto:spied@victim.test"]["state"] == "failed"
    assert "does not say that it takes reports" in out["mailto:spied@victim.test"]["note"]

    (came,) = await listed(server, 1, "--direction", "in")
    assert (came["domain"], came["tenant_id"], came["inbox_id"]) == (
        "other.test", second["tenant_id"], second["inbox_id"],
    )  # fmt: skip
    assert came["is_authenticated"]  # by this very server
    shown = await server.command("reports", "show", came["id"])
    assert shown["content"]["rows"][0]["envelope_from"] == "evil.test"

    await asyncio.to_thread(send_raw, server, reports.tls_letter("other.test"), "agent@other.test")
    await asyncio.to_thread(send_raw, server, reports.dmarc_letter("other.test"), "agent@local.test")
    rows = await listed(server, 2, "--direction", "in")
    assert [(row["kind"], row["is_authenticated"]) for row in rows] == [("tls", False), ("dmarc", True)]

    async with server.session(second["agent_token"]) as client, client.get("/v1/reports/") as answer:
        found = await answer.json()
    assert [row["id"] for row in found["results"]] == [row["id"] for row in rows]
    async with server.session() as client, client.get("/v1/reports/") as answer:
        assert (await answer.json())["results"] == []
    async with server.session() as client, client.get(f"/v1/reports/{came['id']}/") as answer:
        assert answer.status == 404

    # The way to far.test was not encrypted: a second report says so, whatever TLS can do.
    assert await server.command("reports", "send", "--today") == {"made": 1, "sent": 1}
    await until(lambda: len(remote.messages) == 2)
    tls = tls_report.read(content(remote.messages[1].content))
    (policy,) = tls.policies
    assert (policy.type, policy.domain, policy.succeeded, policy.failed) == ("no-policy-found", "far.test", 0, 1)
    assert policy.details[0].result_type == "starttls-not-supported"
    assert await server.command("reports", "send", "--today") == {"made": 0, "sent": 0}  # no report about reports


async def test_counts_survive_a_stop_and_the_commands_work_without_a_server(server, remote):
    await asyncio.to_thread(say, server, "a@far.test", "a@far.test")
    assert await server.stop() == 0
    assert await server.command("reports", "list") == []
    assert await server.command("reports", "send", "--today") == {"made": 2, "sent": 1}
    rows = await server.command("reports", "list", "--kind", "dmarc", "--domain", "far.test")
    assert [row["total"] for row in rows] == [1, 1]
    with pytest.raises(CommandFailed) as failed:
        await server.command("reports", "show", "rpt_0000000000007")
    assert "There is no such report." in failed.value.stderr
    await server.start()
    await until(lambda: remote.messages)


async def test_what_is_shown_can_be_read_by_people(server):
    await asyncio.to_thread(send_raw, server, reports.dmarc_letter("local.test"), "agent@local.test")
    await asyncio.to_thread(send_raw, server, reports.tls_letter("local.test"), "agent@local.test")
    tls, dmarc = await listed(server, 2)
    shown = await plain(server, "reports", "show", dmarc["id"])
    assert "Policy of local.test: p=none" in shown
    assert "192.0.2.0" in shown
    assert "DKIM pass of local.test with s1, aligned with From" in shown
    assert "SPF softfail of bounce0.local.test" in shown
    assert "UNPROVEN" in shown
    shown = await plain(server, "reports", "show", tls["id"])
    assert "local.test, MTA-STS: 5 sessions were well, 2 failed." in shown
    assert "certificate-expired: The certificate has expired. mx.local.test" in shown
    lines = (await plain(server, "reports", "list")).splitlines()
    assert len(lines) == 2
    assert "3 seen" in lines[1]
    assert "1 more" in await plain(server, "reports", "show", dmarc["id"], "--limit", "1")
    assert "0 made, 0 sent." in await plain(server, "reports", "send")


async def plain(server, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver", *arguments, env=server.environment, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return stdout.decode()
