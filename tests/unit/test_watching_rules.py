"""promtool runs the alert rules on series that show each fault, and on healthy ones: alerts.test.yml."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "config/alerts.yml"
CASES = Path(__file__).with_name("alerts.test.yml")
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not():
    rules = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    cases = [each for test in yaml.safe_load(CASES.read_text())["tests"] for each in test["alert_rule_test"]]
    assert {each["alertname"] for each in cases if each["exp_alerts"]} == rules
    assert {each["alertname"] for each in cases if not each["exp_alerts"]} == rules


@needs_promtool
def test_the_rules_can_be_read():
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "15 rules found" in done.stdout


@needs_promtool
def test_alerts_fire_where_something_is_wrong_and_only_there():
    done = subprocess.run(["promtool", "test", "rules", CASES], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
