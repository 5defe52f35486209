"""What the command line says of itself: help, manual page, completion, configuration, version."""

import json
import os
import shutil
import subprocess
import sys

import click
import pytest

from mailserver.cli.main import COMMANDS, main
from mailserver.cli.manual import page


def run(*arguments, **environment):
    """The exit code and stdout of a command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAILSERVER_")}
    done = subprocess.run(
        [sys.executable, "-m", "mailserver", *arguments], env=clean | environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_sentence_in_the_table_is_the_command_s_own(name):
    command = main.get_command(click.Context(main), name)
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name][1]


def test_help_reads_none_of_the_commands():
    code = (
        "import sys; from mailserver.cli.main import main; main(['--help'], standalone_mode=False); "
        "sys.exit(any(name in sys.modules for name in ('mailserver.app', 'aiohttp', 'mailserver.cli.queue')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Try now" not in done.stdout
    assert all(name in done.stdout for name in COMMANDS)


def test_the_manual_page_has_every_command_and_is_good_roff():
    text = "\n".join(page(click.Context(main, info_name="mailserver")))
    for wanted in ("mailserver queue retry", "mailserver import imap", r"\-\-password\-file", ".SH EXIT STATUS"):
        assert wanted in text
    assert "-m mailserver" not in text
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-k", "-man", "-Tutf8", "-ww", "-z"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_what_they_complete_by(shell):
    code, script, _ = run("completion", shell)
    assert code == 0
    assert "_MAILSERVER_COMPLETE" in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script, text=True, timeout=60, check=False).returncode == 0
    assert run("completion", "tcsh")[0] == 2


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("mailserver lo", {"localserve"}),
        ("mailserver queue re", {"retry", "release"}),
        ("mailserver --c", {"--config"}),
        ("mailserver completion z", {"zsh"}),
    ],
)
def test_words_are_completed(words, wanted):
    asked = {"_MAILSERVER_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "from mailserver.cli.main import main; main(prog_name='mailserver')"
    said = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, timeout=60, check=False
    ).stdout
    assert wanted <= {line.partition(",")[2] for line in said.splitlines()}


def test_the_configuration_is_checked_and_shown_without_its_secrets(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(f'hostname = "mail.x.test"\ndata_dir = "{tmp_path}"\n[queue]\nsmarthost_password = "s3cret"\n')
    assert run("--config", str(config), "config", "check")[1].startswith("The configuration of mail.x.test can be used")
    code, shown, _ = run("--config", str(config), "config", "show", "--changed")
    assert code == 0
    lines = dict(line.split(" = ", 1) for line in shown.splitlines())
    assert lines["hostname"] == '"mail.x.test"'
    assert lines["queue.smarthost_password"] == '"**********"'
    assert "smtp.mx_listen" not in lines
    code, shown, _ = run("--config", str(config), "--json", "config", "show", MAILSERVER_LOG__LEVEL="debug")
    assert json.loads(shown)["log"]["level"] == "debug"
    assert "s3cret" not in shown
    config.write_text("hostnam = 3\n")
    code, _, said = run("--config", str(config), "config", "check")
    assert code == 78
    assert "hostname" in said


def test_the_schema_of_the_configuration_names_every_table():
    schema = json.loads(run("config", "schema")[1])
    assert {"smtp", "queue", "limits", "retention"} <= set(schema["properties"])
    assert schema["$defs"]["Queue"]["properties"]["capture"]["default"] == ""


def test_the_version_names_what_it_runs_on():
    facts = json.loads(run("--json", "version")[1])
    assert facts["version"] == run("--version")[1].split()[-1]
    assert facts["sqlite"].startswith("3.")
