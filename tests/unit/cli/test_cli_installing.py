"""What setting up writes, and what it asks of systemd."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from mailserver.cli import exits, findings, watching
from mailserver.cli.installing import configuring, secrecy, shipped, taken, units
from mailserver.cli.installing.configuring import AnotherConfiguration
from mailserver.cli.installing.plan import Plan, Step, Web, below
from mailserver.entities.health import Status
from mailserver.settings import loading


def plan(tmp_path, **more):
    given = {
        "host": "mail.local.test", "domain": "local.test", "config": tmp_path / "etc/config.toml",
        "data": tmp_path / "data", "units": tmp_path / "units", "web": Web.DIRECT,
    }  # fmt: skip
    (tmp_path / "etc").mkdir(exist_ok=True)
    return Plan(**given | more)


def test_the_written_configuration_is_one_that_loads(tmp_path):
    made = configuring.write(plan(tmp_path, acme_contact="you@elsewhere.test"), None, over=False)
    assert made.is_new
    loaded = loading.load(plan(tmp_path).config)
    assert (loaded.hostname, loaded.http.tls, loaded.acme.enabled) == ("mail.local.test", True, True)
    assert loaded.data_dir == tmp_path / "data"


def test_what_somebody_has_changed_stays(tmp_path):
    path = plan(tmp_path).config
    path.write_text('hostname = "Mail.Local.Test."\n[limits]\nrecipients = 200\n')
    assert not configuring.write(plan(tmp_path), None, over=False).is_new
    assert "recipients = 200" in path.read_text()
    assert configuring.write(plan(tmp_path), None, over=True).is_new
    assert loading.load(path).limits.recipients != 200
    assert not configuring.write(plan(tmp_path), None, over=True).is_new


def test_a_configuration_that_only_explains_is_filled_in(tmp_path):
    path = plan(tmp_path).config
    path.write_text(shipped.configuration())  # as the Debian package brings it
    assert configuring.write(plan(tmp_path), None, over=False).is_new
    assert loading.load(path).hostname == "mail.local.test"
    assert not configuring.write(plan(tmp_path), None, over=False).is_new


@pytest.mark.parametrize("text", ['hostname = "other.test"', "hostname = "])
def test_a_configuration_of_another_host_or_half_of_one_is_refused(tmp_path, text):
    plan(tmp_path).config.write_text(text)
    with pytest.raises(AnotherConfiguration, match="--yes"):
        configuring.write(plan(tmp_path), None, over=False)
    assert plan(tmp_path).config.read_text() == text


def test_a_key_that_the_template_does_not_have_is_an_error():
    with pytest.raises(KeyError, match="nonsense"):
        configuring.rendered(shipped.configuration(), {"smtp.nonsense": 1})
    text = configuring.rendered(shipped.configuration(), {"log.level": "debug", "limits.recipients": 400})
    assert tomllib.loads(text) == {
        **{name: {} for name, value in tomllib.loads(shipped.configuration()).items() if value == {}},
        "log": {"level": "debug"}, "limits": {"recipients": 400},
    }  # fmt: skip


def test_paths_stay_below_a_prefix(tmp_path):
    assert below(tmp_path, tmp_path / "x") == tmp_path / "x"
    assert str(below(tmp_path, Path("/etc/x"))) == f"{tmp_path}/etc/x"
    assert str(below(None, Path("/etc/x"))) == "/etc/x"


class Systemd:
    """Remembers what it was told."""

    def __init__(self, state):
        self.state, self.told = state, []

    def __call__(self, *arguments):
        self.told.append(arguments[0])
        return self.state if arguments[0] == "show" else ""


RUNS, RESTS = "ActiveState=active\nUnitFileState=enabled\n", "ActiveState=inactive\nUnitFileState=disabled\n"


@pytest.mark.parametrize(
    ("state", "is_new", "told"),
    [
        (RESTS, True, ["daemon-reload", "show", "enable"]),
        (RESTS, False, ["show", "enable"]),
        (RUNS, True, ["daemon-reload", "show", "restart"]),
        (RUNS, False, ["show"]),
    ],
)
def test_systemd_is_told_what_it_does_not_do_yet(state, is_new, told):
    systemd = Systemd(state)
    step = units.enable(systemd, [Step("a unit", is_new)])
    assert systemd.told == told
    assert step.is_new is (told != ["show"])


def test_units_are_written_once_and_what_is_the_machines_own_stands_beside_them(tmp_path):
    wanted = plan(tmp_path, user="mailserver", acme_contact="you@elsewhere.test")
    assert all(step.is_new for step in units.install(wanted))
    assert not any(step.is_new for step in units.install(wanted))
    for name, text in shipped.units().items():
        assert (tmp_path / "units" / name).read_text() == text
    own = (tmp_path / "units/mailserver.service.d/10-setup.conf").read_text()
    assert "DynamicUser=no\nUser=mailserver\n" in own
    assert f"-m mailserver --config {wanted.config} serve" in own
    assert "Sockets=mailserver-https.socket" in own
    for path in (tmp_path / "units").glob("*.service.d/10-setup.conf"):
        assert f"--config {wanted.config} " in path.read_text()
        assert "/usr/bin/env" not in path.read_text()
    assert f"ReadWritePaths={wanted.data}" in own
    (tmp_path / "units/mailserver.service").write_text("[Unit]\n")
    again = [step.what for step in units.install(wanted) if step.is_new]
    assert again == [f"the unit {tmp_path}/units/mailserver.service"]


def test_a_start_that_only_a_person_can_mend_is_not_tried_again_and_again():
    assert f"\nRestartPreventExitStatus={exits.CONFIGURATION}\n" in shipped.units()["mailserver.service"]


def test_the_backup_s_unit_can_link_to_the_server_s_files():
    text = shipped.units()["mailserver-backup.service"]  # systemd.exec(5): each of these makes mounts of its own
    assert not re.search(r"^(ReadWritePaths|ReadOnlyPaths|BindPaths|ProtectSystem|StateDirectory)=", text, re.MULTILINE)


def test_what_systemctl_edit_writes_wins_over_what_setup_has_written(tmp_path):
    wanted = plan(tmp_path, user="mailserver")
    units.install(wanted)
    for directory in (tmp_path / "units").glob("*.service.d"):
        names = [*(path.name for path in directory.iterdir()), "override.conf"]
        assert max(names) == "override.conf"
    earlier = tmp_path / "units/mailserver.service.d/setup.conf"
    theirs = tmp_path / "units/mailserver-backup.service.d/setup.conf"
    earlier.write_text((tmp_path / "units/mailserver.service.d/10-setup.conf").read_text())
    theirs.write_text("[Service]\nNice=5\n")
    assert [step.what for step in units.install(wanted) if step.is_new] == [f"the unit {earlier.parent}/10-setup.conf"]
    assert theirs.exists()
    assert not earlier.exists()


def test_units_that_a_package_has_installed_are_not_copied(tmp_path):
    wanted = plan(tmp_path, root=tmp_path, user="mailserver")
    packaged = tmp_path / "usr/lib/systemd/system"
    packaged.mkdir(parents=True)
    for name, text in shipped.units().items():
        (packaged / name).write_text(text)
    made = {step.what.removeprefix("the unit ") for step in units.install(wanted)}
    assert made == {f"{tmp_path}/units/{name}.d/10-setup.conf" for name in shipped.units() if name.endswith(".service")}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path):
    wanted = plan(tmp_path, user="root", units=tmp_path / "units")
    units.install(wanted)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "units/mailserver.service")],
        capture_output=True, text=True, timeout=60,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}/units:", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "mailserver" in line]
    assert not ours, done.stderr


def test_a_program_that_has_a_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = taken.holders({port, 1})
    assert set(found) == {port}
    assert "process" in found[port]


def test_a_configuration_that_everybody_reads_has_no_secrets(tmp_path):
    path = tmp_path / "config.toml"
    assert secrecy.look(path)[0].status is Status.SKIPPED
    path.write_text('[queue]\nsmarthost_password = "secret"\n')
    path.chmod(0o644)
    (found,) = secrecy.look(path)
    assert found.status is Status.FAILED
    assert "queue.smarthost_password" in found.detail
    assert "secret" not in found.detail.replace("queue.smarthost_password", "")
    path.chmod(0o640)
    assert secrecy.look(path)[0].status is Status.OK
    path.chmod(0o666)
    assert secrecy.look(path)[0].status is Status.FAILED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be mistaken for somebody else")
def test_what_root_looks_at_stays_its_owners():
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        data = Path(place) / "data"
        given = {name: value for name, value in os.environ.items() if not name.startswith("MAILSERVER_")}
        given |= {"MAILSERVER_DATA_DIR": str(data), "MAILSERVER_HOSTNAME": "mail.local.test"}
        command = [sys.executable, "-m", "mailserver", "--json"]
        subprocess.run([*command, "domain", "list"], env=given, check=True, capture_output=True, timeout=60)
        for path in (data, *data.rglob("*")):
            os.chown(path, 65_534, 65_534)
        done = subprocess.run([*command, "doctor", "--offline"], env=given, capture_output=True, timeout=60)
        assert done.returncode == 1, done.stderr
        assert {row["check"] for row in json.loads(done.stdout)} >= {"server", "disk.room", "permissions.owner"}
        assert {path.stat().st_uid for path in (data, *data.rglob("*"))} == {65_534}


ROWS = [
    {
        "check": "dns.mx", "status": "failed", "subject": "a.test", "detail": "MX a.test is missing.", "why": "W",
        "fix": "Publish: F",
    },
    {"check": "disk", "status": "ok", "subject": "", "detail": "Fine.", "why": "", "fix": ""},
]  # fmt: skip


def test_findings_are_read_without_colour_where_nobody_sees_it(capsys):
    findings.show(ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "failed    dns.mx  a.test: MX a.test is missing.",
        "                  why: W",
        "                  fix: Publish: F",
        "ok        disk    Fine.",
        "1 failed, 1 ok",
    ]


class Asked:
    """An operator whose server says one thing after the other."""

    as_json = False

    def __init__(self, *answers):
        self.answers = list(answers)

    def run(self, verb, **arguments):
        assert (verb, arguments["domain"]) == ("doctor", "a.test")
        return self.answers.pop(0)


def test_watching_ends_when_all_is_right_and_tells_each_change_once(capsys):
    well = [{**ROWS[0], "status": "ok", "detail": "MX a.test is right.", "fix": ""}]
    rows = watching.until_right(Asked(ROWS[:1], ROWS[:1], well), "a.test", 0.01, 5)
    assert watching.is_right(rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "failed   dns.mx a.test: MX a.test is missing.",
        "         Publish: F",
        "1 failed",
        "ok       dns.mx a.test: MX a.test is right.",
        "1 ok",
    ]


def test_watching_ends_when_its_time_is_over():
    rows = watching.until_right(Asked(*[ROWS[:1]] * 50), "a.test", 0.02, 0.1)
    assert not watching.is_right(rows)


def test_a_policy_of_none_does_not_keep_the_watch_waiting():
    row = {**ROWS[0], "status": "warning"}
    assert not watching.is_right([row])
    assert watching.is_right([{**row, "fix": "Once the reports show that all is well: Publish: F"}])
