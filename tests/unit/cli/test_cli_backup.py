"""What the command says to the server while it copies, and how troubles end it."""

import errno
import os
import subprocess
import sys

import pytest

from mailserver.cli import backup
from mailserver.storage.backups.generations import TargetBusy, TargetFailed, TargetUnusable
from mailserver.storage.backups.manifest import BackupDamaged, BackupProblem
from mailserver.storage.data_directory import DataDirectoryInUse, DataDirectoryProblem


class Asked:
    """A server that is asked."""

    def __init__(self):
        self.verbs = []

    def ask(self, verb):
        self.verbs.append(verb)


def test_the_server_hears_now_and_again_that_its_files_are_copied(monkeypatch):
    asked = Asked()
    renewal = backup._Renewal(asked)
    for _ in range(1000):
        renewal.look()
    assert asked.verbs == []
    monkeypatch.setattr(backup, "RENEW_SECONDS", -1.0)
    renewal = backup._Renewal(asked)
    renewal.look()
    renewal.look()
    assert asked.verbs == ["backup.renew", "backup.renew"]


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (DataDirectoryInUse("x"), 75), (TargetBusy("x"), 75), (DataDirectoryProblem("x"), 73),
        (TargetUnusable("x"), 73), (TargetFailed("x"), 74), (BackupProblem("x"), 65), (BackupDamaged("x"), 65),
        (OSError(errno.EIO, "x"), 74),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else str(each),
)  # fmt: skip
def test_each_trouble_has_its_exit_code_and_its_sentence(trouble, code, capsys):
    with pytest.raises(SystemExit) as ended, backup.explained():
        raise trouble
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith("mailserver: ")


def test_the_configuration_and_certificates_that_lie_elsewhere_come_along(tmp_path):
    for directory in ("etc", "other", "tls"):
        (tmp_path / directory).mkdir()
    config, data, target = tmp_path / "etc/config.toml", tmp_path / "data", tmp_path / "target"
    certificate, key = tmp_path / "tls/config.toml", tmp_path / "tls/gone.key"  # a name that is taken, and none
    certificate.write_text("a certificate")
    config.write_text(f'data_dir = "{data}"\n[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n')
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILSERVER_")}

    def run(*arguments, **more):
        done = subprocess.run(
            [sys.executable, "-m", "mailserver", *arguments], env=environment | more, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    (tmp_path / "password").write_text("correct horse battery")
    run("--config", str(config), "bootstrap", "--domain", "a.test", "--address", "x@a.test", "--password-file",
        str(tmp_path / "password"))  # fmt: skip
    said = run("--config", str(config), "backup", str(target)).stderr
    assert f"{key} could not be read" in said
    run("--config", str(config), "verify", "--backup", str(target), "--deep")
    restored = run("restore", str(target), MAILSERVER_DATA_DIR=str(tmp_path / "other"))
    assert f"was {config} on that server" in restored.stderr
    assert (tmp_path / "other/outside/config.toml").read_text() == config.read_text()
    assert (tmp_path / "other/outside/1-config.toml").read_text() == "a certificate"
    assert (tmp_path / "other/outside/config.toml").stat().st_mode & 0o777 == 0o600
