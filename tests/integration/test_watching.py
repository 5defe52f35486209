"""What a server tells whoever watches it: metrics, one story in the log, a level that changes while it runs."""

import asyncio
import contextlib
import json
import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.support.remote import Remote
from tests.support.server import PASSWORD, CommandFailed, running_server
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[2]
TOKEN = "sixteen letters or more"
# name: (type, labels), as the conventions have them.
CONVENTIONS = {
    "smtp_connections_total": ("counter", {"listener", "result"}),
    "smtp_sessions": ("gauge", {"listener"}),
    "smtp_commands_total": ("counter", {"command", "class"}),
    "smtp_messages_total": ("counter", {"listener", "result"}),
    "smtp_message_size_bytes": ("histogram", set()),
    "smtp_auth_total": ("counter", {"mechanism", "result"}),
    "smtp_rejections_total": ("counter", {"reason"}),
    "auth_results_total": ("counter", {"method", "result"}),
    "queue_messages": ("gauge", {"state"}),
    "queue_oldest_age_seconds": ("gauge", set()),
    "delivery_attempts_total": ("counter", {"result", "tls"}),
    "delivery_duration_seconds": ("histogram", set()),
    "bounces_total": ("counter", {"class"}),
    "storage_messages": ("gauge", set()),
    "storage_bytes": ("gauge", set()),
    "db_commit_duration_seconds": ("histogram", set()),
    "db_batch_size": ("histogram", set()),
    "http_requests_total": ("counter", {"route", "method", "status"}),
    "http_request_duration_seconds": ("histogram", {"route"}),
    "webhook_deliveries_total": ("counter", {"result"}),
    "dns_queries_total": ("counter", {"type", "result"}),
    "dns_duration_seconds": ("histogram", set()),
    "tls_certificate_expiry_timestamp_seconds": ("gauge", {"name"}),
    "event_loop_lag_seconds": ("histogram", set()),
    "build_info": ("gauge", {"version", "python"}),
}
# What an operator needs beyond them.
MORE = (
    "push_listeners", "journal_backlog_records", "journal_oldest_age_seconds", "journal_quarantined_records",
    "disk_free_bytes", "disk_size_bytes", "backup_last_timestamp_seconds", "levels_late_seconds", "storage_inboxes",
    "storage_database_bytes", "webhooks_waiting", "events_waiting",
)  # fmt: skip


def letter(subject, to, sender="ann@remote.test"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = f"<{subject}@{sender.rpartition('@')[2]}>"
    message.set_content("Hello there.\n")
    return message


def arrive(server, subject, to="agent@local.test"):
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.ehlo("remote.test")
        client.mail("ann@remote.test")
        client.rcpt(to)
        code, text = client.data(letter(subject, to).as_bytes(policy=SMTP))
        assert code == 250, text
        return text.decode().split()[-1]


def submit(server, subject, to, password=PASSWORD):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP_SSL(*server.submissions, context=context, timeout=60) as client:
        client.login("agent@local.test", password)
        client.mail("agent@local.test")
        client.rcpt(to)
        code, text = client.data(letter(subject, to, "agent@local.test").as_bytes(policy=SMTP))
        assert code == 250, text
        return text.decode().split()[-1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory):
    async with busy_server(tmp_path_factory.mktemp("watched")) as (server, story):
        yield server, story


@contextlib.asynccontextmanager
async def busy_server(directory):
    """A server that has received, sent, bounced and refused, and the ids of its messages."""
    async with Remote() as remote:
        remote.answers("RCPT TO:<nobody@", "550 5.1.1 no such user", always=True)
        settings = {
            "queue__smarthost": f"127.0.0.1:{remote.port}",
            "queue__remote_port": remote.port,
            "http__metrics_token": TOKEN,
            "limits__login_delay_seconds": 0.01,
        }
        async with running_server(directory, **settings) as server:
            story = await asyncio.to_thread(traffic, server)

            async def is_done():
                rows = await server.command("queue", "list", "--all")
                return len(rows) >= 2 and all(row["state"] in ("delivered", "failed") for row in rows)

            await until(is_done)
            yield server, story


def traffic(server):
    story = {"received": arrive(server, "received")}
    with pytest.raises(smtplib.SMTPAuthenticationError):
        submit(server, "refused", "b@remote.test", "wrong")
    story["sent"] = submit(server, "sent", "bob@remote.test")
    story["bounced"] = submit(server, "bounced", "nobody@remote.test")
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.ehlo("x.test")
        client.mail("a@x.test")
        assert client.rcpt("stranger@local.test")[0] == 550
    return story


async def scraped(server, **headers):
    async with aiohttp.ClientSession() as web, web.get(f"{server.http}/metrics", headers=headers) as answer:
        assert answer.status == 200
        return {family.name: family for family in text_string_to_metric_families(await answer.text())}


async def levelled(server):
    """What is told, once the levels, which are read now and then, are those of behind the traffic."""
    families = await scraped(server)
    is_done = total(families, "queue_messages") == 0 and total(families, "storage_messages") >= 3
    return families if is_done else None


def family(families, name):
    found = families[f"mailserver_{name.removesuffix('_total')}"]
    return found, [sample for sample in found.samples if not sample.name.endswith("_created")]


def total(families, name, **labels):
    return sum(
        sample.value for sample in family(families, name)[1]
        if all(sample.labels.get(key) == value for key, value in labels.items())
    )  # fmt: skip


async def test_every_metric_of_the_conventions_is_there_after_real_traffic(watched):
    server, _ = watched
    await scraped(server)  # the first request that is counted
    families = await until(lambda: levelled(server))
    for name, (kind, labels) in CONVENTIONS.items():
        found, samples = family(families, name)
        assert found.type == kind, name
        assert found.documentation, name
        if name == "webhook_deliveries_total":  # nobody has subscribed here
            continue
        assert samples, name
        for sample in samples:
            assert set(sample.labels) - {"le"} == labels, sample
    for name in MORE:
        assert family(families, name)[1], name
    assert total(families, "smtp_messages_total", listener="smtp", result="accepted") == 1
    assert total(families, "smtp_auth_total", result="refused") >= 1
    assert total(families, "smtp_auth_total", result="accepted") == 2
    assert total(families, "smtp_rejections_total", reason="5.1.1") == 1
    assert total(families, "auth_results_total", method="spf") == 1
    assert total(families, "auth_results_total", method="dmarc") == 1
    assert total(families, "delivery_attempts_total", result="delivered", tls="none") >= 1
    assert total(families, "delivery_attempts_total", result="failed") == 1
    assert total(families, "bounces_total", **{"class": "refused"}) == 1
    assert total(families, "queue_messages") == 0
    assert total(families, "storage_messages") >= 3
    assert total(families, "dns_queries_total") > 0
    sizes = {sample.labels.get("le"): sample.value for sample in family(families, "smtp_message_size_bytes")[1]}
    assert sizes["+Inf"] == 3


async def test_hostile_traffic_makes_no_series_of_its_own(watched):
    server, _ = watched

    def series(families):
        return {name: len(found.samples) for name, found in families.items()}

    await asyncio.to_thread(hostile, server)
    async with aiohttp.ClientSession(server.http) as web:
        await web.get("/no-such-0")
        await web.request("MKCOL", "/healthz")
        before = series(await scraped(server))
        for number in range(60):
            for path in (f"/no-such-{number}", f"/v1/messages/msg_{number}/", f"/v1/{number}/?q={number}"):
                async with web.get(path, headers={"Authorization": f"Bearer {number}"}):
                    pass
        for method in ("PROPFIND", "REPORT", "LOCK", "COPY"):
            async with web.request(method, "/healthz"):
                pass
    await asyncio.to_thread(hostile, server)
    after = series(await scraped(server))
    grown = {
        name: after[name] - before.get(name, 0)
        for name in after
        if after[name] > before.get(name, 0) and not name.endswith("_created")
    }
    assert set(grown) <= {"mailserver_http_requests", "mailserver_http_request_duration_seconds"}, grown
    assert grown.get("mailserver_http_requests", 0) <= 12, grown  # two templates that were not asked for before
    assert not any("no-such" in str(found.samples) for found in (await scraped(server)).values())


def hostile(server):
    for session in range(5):
        with smtplib.SMTP(*server.smtp, timeout=60) as client:
            client.ehlo(f"x{session}.test")
            client.mail(f"a{session}@x.test")
            client.rcpt(f"stranger{session}@local.test")
            for number in range(3):
                client.docmd(f"CMD{session}{number} {'x' * number}")


async def test_metrics_are_for_this_machine_or_for_who_has_the_token(watched):
    server, _ = watched
    far = {"X-Forwarded-For": "203.0.113.9"}
    async with aiohttp.ClientSession(server.http) as web:
        for headers, status in (
            ({}, 200), (far, 404), (far | {"Authorization": f"Bearer {TOKEN}x"}, 404),
            (far | {"Authorization": "Bearer "}, 404), (far | {"Authorization": TOKEN}, 404),
            (far | {"Authorization": f"Bearer {TOKEN}"}, 200),
        ):  # fmt: skip
            async with web.get("/metrics", headers=headers) as answer:
                assert answer.status == status, headers
                assert (answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")) == (status == 200)
    assert TOKEN not in server.log


async def test_one_id_finds_every_line_about_a_message(watched):
    server, story = watched

    def told(queue_id):
        lines = [json.loads(line) for line in server.log.splitlines() if queue_id in line]
        assert all(line["queue_id"] == queue_id for line in lines)
        return [line["event"] for line in lines]

    await until(lambda: len(told(story["bounced"])) >= 3)  # lines are written in heaps
    assert told(story["received"]) == ["smtp.message.accepted"]
    assert told(story["sent"]) == ["smtp.message.accepted", "queue.delivery.delivered"]
    bounced = told(story["bounced"])
    assert bounced[0] == "smtp.message.accepted"
    assert sorted(bounced[1:]) == ["queue.delivery.failed", "queue.report.sent"]
    for line in map(json.loads, server.log.splitlines()):
        for name in ("delivery_id", "message_id", "inbox_id"):
            assert not isinstance(line.get(name), int), line


async def test_the_whole_story_of_a_message_is_told_by_any_of_its_ids(watched):
    server, story = watched
    told = await server.command("message", "trace", story["received"])
    assert told["message_id"] == "<received@remote.test>"
    assert told["queue_ids"] == [story["received"]]
    whats = [line["what"] for line in told["story"]]
    assert set(whats) >= {"stored", "judged", "event message.received"}
    came = next(line for line in told["story"] if line["what"] == "stored")
    assert "from remote.test" in came["received"]
    assert story["received"] in came["received"]
    assert (came["inbox"], came["folders"]) == ("agent@local.test", ["Inbox"])
    assert not told["gaps"]

    told = await server.command("message", "trace", "bounced@local.test")
    whats = [line["what"] for line in told["story"]]
    assert [line["at"] for line in told["story"]] == sorted(line["at"] for line in told["story"])
    assert set(whats) >= {"stored", "queued", "failed", "event message.bounced"}
    assert whats.index("queued") < whats.index("failed")
    failed = next(line for line in told["story"] if line["what"] == "failed")
    assert (failed["recipient"], failed["queue_id"]) == ("nobody@remote.test", story["bounced"])
    assert failed["reply"].startswith("550 5.1.1")
    assert failed["host"]
    for identifier in (story["bounced"], failed["delivery_id"]):
        assert (await server.command("message", "trace", identifier))["story"] == told["story"]
    for wrong in ("msg_0000000000001", "nobody@nowhere.test", "dlv_0000000000001", "hello"):
        with pytest.raises(CommandFailed) as refused:
            await server.command("message", "trace", wrong)
        assert refused.value.code == 65


async def test_what_was_deleted_has_its_story_still(watched):
    server, _ = watched
    queue_id = await asyncio.to_thread(arrive, server, "deleted")

    async def is_there():
        return await server.command("message", "find", "--message-id", "deleted@remote.test")

    (row,) = await until(is_there)
    assert row["id"] == queue_id
    async with server.session() as gent:
        for _ in range(2):
            async with gent.delete(f"/v1/messages/{queue_id}/") as answer:
                assert answer.status < 300 or answer.status == 404, await answer.text()
    told = await server.command("message", "trace", queue_id)
    assert "event message.received" in [line["what"] for line in told["story"]]
    assert not await is_there()
    assert any("deleted" in gap for gap in told["gaps"])


async def test_messages_are_found_and_shown(watched):
    server, story = watched

    async def ids(*arguments):
        return [row["id"] for row in await server.command("message", "find", *arguments)]

    assert await ids("--subject", "received") == [story["received"]]
    assert await ids("--from", "ann@remote.test", "--subject", "received") == [story["received"]]
    assert await ids("--to", "bob@remote.test") == [story["sent"]]
    assert await ids("--message-id", "<sent@local.test>") == [story["sent"]]
    assert story["received"] in await ids("--inbox", "agent@local.test")
    assert await ids("--since", "2100-01-01") == []
    assert await ids("--until", "2001-01-01", "--inbox", "agent@local.test") == []
    assert len(await ids("--limit", "1", "--since", "2020-01-01")) == 1
    assert await ids("--subject", '"received" OR') == []
    shown = await server.command("message", "show", story["received"])
    assert "Subject: received" in shown["header"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mailserver", "message", "show", "--raw", "received@remote.test"),
        env=server.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    raw, _ = await process.communicate()
    assert raw.endswith(b"\r\n\r\nHello there.\r\n")
    assert raw.startswith(b"Return-Path: <ann@remote.test>")


async def test_the_log_level_of_a_server_that_runs_changes_and_goes_back(watched):
    server, _ = watched
    assert await server.command("log", "level") == {"level": "info", "seconds_left": None}
    assert (await server.command("log", "level", "warning", "--for", "600"))["level"] == "warning"
    before = server.log.count("http.request.answered")
    await scraped(server)
    assert server.log.count("http.request.answered") == before
    assert (await server.command("log", "level", "warning", "--for", "1"))["level"] == "warning"

    async def is_back():
        return (await server.command("log", "level"))["level"] == "info"

    await until(is_back)
    await scraped(server)

    async def is_logged():
        return server.log.count("http.request.answered") > before

    assert await until(is_logged)
