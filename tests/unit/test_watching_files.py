"""The dashboard and the alert rules ask for metrics that the server exports, by labels that these have."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from mailserver.certificates.expiry import Expiry
from mailserver.dns import DnsResolver
from mailserver.entities.figures import Figures, Spread
from mailserver.entities.levels import Kept
from mailserver.http.middleware import Around
from mailserver.jobs.lag import LoopLag
from mailserver.services.health.levels import Disk, Seen
from mailserver.smtp.counts import Counts
from mailserver.watching.counted import Counted
from mailserver.watching.levels import LevelGauges
from mailserver.watching.scrape import Scrape

CONFIG = Path(__file__).parents[2] / "config"
PROCESS = {
    "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds",
    "process_start_time_seconds", "up",
}  # fmt: skip
NAME = re.compile(r"\b(?:mailserver|process)_[a-z0-9_]+|\bup\b(?=\{|\s*==)")
LABELS = {"instance", "job", "le"}
USED = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPED = re.compile(r"\bby\s*\(([^)]*)\)")


class Nothing:
    """Certificates, a database and a journal in which nothing happened."""

    shown = ()
    appended = syncs = 0
    commit_seconds = group_sizes = Spread((1.0,))


class Level:
    """Everything is a little full."""

    async def look(self):
        return Seen({"queued": 1, "held": 0}, 1, Kept(1, 2, 3, 4, 5, 6), Disk(1, 2, 0, 5), 7, 0.5, 0.0)


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """Every sample that the server may export, by name, with its labels."""

    async def page() -> bytes:
        registry = CollectorRegistry()
        counts, figures = Counts(registry), Figures()
        counts.connections[("smtp", "accepted")] += 1
        counts.messages[("smtp", "accepted")] += 1
        counts.commands[("MAIL", "2xx")] += 1
        counts.rejections[("5.1.1",)] += 1
        counts.logins[("PLAIN", "refused")] += 1
        counts.sessions["smtp"] += 1
        figures.authentication[("spf", "pass")] += 1
        figures.attempts[("delivered", "none")] += 1
        figures.bounces[("refused",)] += 1
        figures.webhooks[("delivered",)] += 1
        resolver = DnsResolver(["127.0.0.1"])
        resolver.questions[("MX", "found")] += 1
        around = Around(registry, [])
        around._requests.labels("/", "GET", 200).inc()
        around._seconds.labels("/").observe(1)
        LoopLag(registry)
        registry.register(Expiry(Nothing()))  # type: ignore[arg-type]
        registry.register(Counted(figures, Nothing(), resolver, Nothing()))  # type: ignore[arg-type]
        return await Scrape(registry, Level(), LevelGauges(lambda: 0)).page()

    text = asyncio.run(page()).decode()
    found: dict[str, set[str]] = {"mailserver_tls_certificate_expiry_timestamp_seconds": {"name"}}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((CONFIG / "alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CONFIG / "grafana-dashboard.json").read_text())
    return document


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]


def unknown(expression: str, exported: dict[str, set[str]]) -> set[str]:
    """Names and labels in an expression that nothing exports."""
    names = set(NAME.findall(expression))
    wrong = {name for name in names if name not in exported and name not in PROCESS}
    labels = set().union(*(exported.get(name, set()) for name in names)) | LABELS
    used = set(USED.findall(expression))
    for group in GROUPED.findall(expression):
        used |= {each.strip() for each in group.split(",")}
    return wrong | (used - labels) | ({"no metric"} if not names else set())


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_what_is_exported(expression, exported):
    assert not unknown(expression, exported), expression
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


def test_a_name_or_label_that_there_is_not_is_found(exported):
    assert unknown("mailserver_queue_mesages > 1", exported) == {"mailserver_queue_mesages"}
    assert unknown('sum by (host) (mailserver_queue_messages{stat="x"})', exported) == {"host", "stat"}
    assert unknown("1 > 2", exported) == {"no metric"}
    assert not unknown('sum by (state) (mailserver_queue_messages{state="held"})', exported)


def test_every_alert_says_what_it_is_and_what_to_do():
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    text = " ".join(rule["expr"] for rule in rules())
    for wanted in (
        "queue_oldest_age", 'result="deferred"', "certificate_expiry", "disk_free", "loop_lag", "up{",
        "journal_backlog", "smtp_auth",
    ):  # fmt: skip
        assert wanted in text
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "action"}
        assert all(len(sentence) > 20 for sentence in rule["annotations"].values())


def test_the_dashboard_can_be_imported_anywhere():
    document = dashboard()
    variables = {each["name"]: each for each in document["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert all(target["datasource"]["uid"] == "${datasource}" for panel in panels() for target in panel["targets"])
    rows = [panel["title"] for panel in document["panels"] if panel["type"] == "row"]
    assert rows == ["Now", "SMTP in", "Queue", "Delivery", "Store", "API", "Process"]
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in document["panels"]]
    assert len(set(places)) == len(places)
    assert all(each["gridPos"]["x"] + each["gridPos"]["w"] <= 24 for each in document["panels"])


def test_every_metric_is_on_the_dashboard_or_in_an_alert(exported):
    shown = " ".join(expressions())
    families = {re.sub(r"_(bucket|sum|count|total|created)$", "", name) for name in exported if name.startswith("mail")}
    assert {name for name in families if name not in shown} == set()
