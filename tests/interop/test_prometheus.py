"""Prometheus reads a server that has had traffic, and knows every expression of the dashboard and of the alerts."""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from tests.integration.test_watching import TOKEN, busy_server
from tests.support.ports import free_port
from tests.support.waiting import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed"),
]
ROOT = Path(__file__).parents[2]
RULES = ROOT / "config/alerts.yml"
SCRAPES = 3  # two give a rate
# What there is nothing of on a server that is well: webhooks and a backup, nobody turned away, and no failures.
NOTHING = (
    "webhook_deliveries", "backup_last_timestamp_seconds{", 'result!="accepted"', 'status=~"5.."', 'result="deferred"',
    'result="failed"',
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(tmp_path_factory):
    """A server with traffic, and Prometheus that has read it as docs/watching.md says: its API."""
    directory = tmp_path_factory.mktemp("prometheus")
    async with busy_server(directory) as (server, _), prometheus(directory, server) as api:
        yield api, server


@asynccontextmanager
async def prometheus(directory, server):
    (directory / "token").write_text(TOKEN)
    (text,) = re.findall(r"(?s)```text\n(scrape_configs:.*?)```", (ROOT / "docs/watching.md").read_text())
    document = yaml.safe_load(text)
    (job,) = document["scrape_configs"]
    scheme, _, place = server.http.partition("://")
    job |= {"scheme": scheme, "static_configs": [{"targets": [place]}]}
    job["authorization"]["credentials_file"] = str(directory / "token")
    document["rule_files"] = [str(RULES)]
    document["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config = directory / "prometheus.yml"
    config.write_text(yaml.safe_dump(document))
    port = free_port()
    with (directory / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}", stdout=log, stderr=log,
        )  # fmt: skip
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}/api/v1/") as api:
                await until(lambda: has_read(api))
                yield api
        finally:
            process.terminate()
            await process.wait()


async def has_read(api):
    try:
        (sample,) = await asked(api, 'sum(count_over_time(up{job="mailserver"}[5m]) * on (instance) up) or vector(0)')
    except (aiohttp.ClientError, AssertionError):  # it is starting
        return False
    return float(sample["value"][1]) >= SCRAPES


async def asked(api, expression):
    async with api.get("query", params={"query": expression}) as answer:
        document = await answer.json()
        assert document["status"] == "success", (expression, document)
        return document["data"]["result"]


def of_the_dashboard():
    document = json.loads((ROOT / "config/grafana-dashboard.json").read_text())
    found = [target["expr"] for panel in document["panels"] for target in panel.get("targets", ())]
    return [each.replace("$__rate_interval", "5m").replace("$instance", ".*") for each in found]


def of_the_alerts():
    """The rules, each with an answer instead of silence where all is well."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    return [re.sub(r"(?<=\s)(==|<|>)(?=\s)", r"\1 bool", rule["expr"]) for rule in rules]


async def test_every_expression_is_understood_and_finds_what_a_server_with_traffic_has(page):
    api, _ = page
    silent = [
        expression for expression in of_the_dashboard() + of_the_alerts()
        if not any(part in expression for part in NOTHING)
    ]  # fmt: skip

    async def is_all_found():  # between two readings of which one came too late, there is nothing for a moment
        silent[:] = [expression for expression in silent if not await asked(api, expression)]
        return not silent

    with contextlib.suppress(TimeoutError):
        await until(is_all_found)
    assert silent == []
    (found,) = await until(lambda: asked(api, "mailserver_build_info"))
    assert found["metric"]["job"] == "mailserver"


async def test_prometheus_evaluates_every_rule_and_none_but_the_backups_is_on_its_way(page):
    """A server that was just made has no backup, which the alert is about; everything else is well."""
    api, _ = page

    async def evaluated():
        async with api.get("rules") as answer:
            document = await answer.json()
        found = [rule for group in document["data"]["groups"] for rule in group["rules"]]
        rules[:] = [(rule["name"], rule["health"], rule["state"]) for rule in found]
        return {health for _, health, _ in rules} == {"ok"} and is_on_its_way() <= {
            "MailserverBackupOld",
            "MailserverDiskLow",
        }

    rules = []
    is_on_its_way = lambda: {name for name, _, state in rules if state != "inactive"}
    with contextlib.suppress(TimeoutError):
        await until(evaluated)
    assert {health for _, health, _ in rules} == {"ok"}
    assert is_on_its_way() <= {"MailserverBackupOld", "MailserverDiskLow"}
    assert len(rules) == len(of_the_alerts())


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
async def test_promtool_finds_names_units_and_help_as_they_should_be(page):
    _, server = page
    async with aiohttp.ClientSession() as web, web.get(f"{server.http}/metrics") as answer:
        text = await answer.read()
    done = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
