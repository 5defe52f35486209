"""What the command says to the server while it copies, and how troubles end it."""

import errno

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
