"""What root does in a data directory that is the server's, while no server runs."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mailserver.storage import data_directory

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for somebody else")


@pytest.fixture
def place():
    """A directory that all may enter, with a data directory of nobody's and a configuration that names that one."""
    with tempfile.TemporaryDirectory(prefix="mailserver-") as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "data").mkdir(mode=0o700)
        os.chown(place / "data", NOBODY, NOBODY)
        (place / "c.toml").write_text(f'hostname = "mail.local.test"\ndata_dir = "{place}/data"\n')
        (place / "password").write_text("correct horse battery staple")
        yield place


def run(place, *arguments):
    """The exit code and what was said on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "mailserver", "--config", place / "c.toml", *arguments],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def of_root(place):
    """The files in the data directory that are not its owner's."""
    return [each for each in (place / "data").rglob("*") if each.lstat().st_uid != NOBODY]


def test_whatever_root_does_offline_leaves_the_servers_files_the_servers(place):
    made = ("bootstrap", "--domain", "local.test", "--address", "a@local.test", "--password-file", place / "password")
    for arguments in (
        made, ("reindex",), ("dns", "zone", "local.test", "--prepare"), ("backup", place / "backups"),
        ("restore", "--yes", place / "backups"), ("verify", "--deep"),
    ):  # fmt: skip
        code, said = run(place, *arguments)
        assert (code, of_root(place)) == (0, []), (arguments, said)
    assert {each.lstat().st_uid for each in (place / "backups").rglob("*")} >= {0}


def test_the_doctor_makes_no_server_where_none_is_set_up(place):
    done = subprocess.run(
        [sys.executable, "-m", "mailserver", "--config", place / "c.toml", "doctor", "--json"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    (finding,) = [each for each in json.loads(done.stdout) if each["check"] == "server"]
    assert (done.returncode, finding["status"], "mailserver setup" in finding["fix"]) == (1, "failed", True)
    assert list((place / "data").iterdir()) == []


def test_what_is_made_offline_is_nobody_elses_to_read(place):
    run(place, "domain", "list")
    made = list((place / "data").rglob("*"))
    assert made
    assert not [each for each in made if not each.is_symlink() and each.stat().st_mode & 0o077]


def test_an_import_for_which_root_and_the_owner_would_both_have_to_write_is_refused(place):
    (place / "old.mbox").write_text("")
    code, said = run(place, "import", "mbox", place / "old.mbox", "--inbox", "a@local.test")
    assert (code, "Start the server" in said) == (77, True)
    code, said = run(place, "export", "mbox", place / "out", "--inbox", "a@local.test")
    assert (code, "Start the server" in said) == (77, True)
    assert list((place / "data").iterdir()) == []


def test_what_the_owner_laid_there_leads_root_to_no_other_file(place):
    secret = place / "secret"
    secret.write_text("root's")
    (place / "data" / "lock").symlink_to(secret)
    code, said = run(place, "backup", place / "backups")
    assert (code, "cannot be used" in said) == (73, True)
    (place / "data" / "lock").unlink()
    os.link(secret, place / "data" / "lock")
    with data_directory.held(place / "data"):
        assert (secret.stat().st_uid, secret.read_text()) == (0, "root's")


def test_what_is_given_to_the_server_is_no_file_that_has_another_name_elsewhere(place):
    """A link of the server's user, by which root would hand over what is not in the directory."""
    (place / "secret").write_text("root's")
    (place / "else").mkdir()
    (place / "else" / "file").write_text("root's")
    left = place / "data" / "left"
    left.mkdir()
    (left / "file").write_text("of a command that root ran")
    (left / "link").symlink_to(place / "secret")
    (left / "rooms").symlink_to(place / "else")
    os.link(place / "secret", left / "hard")
    data_directory.give_tree(left, NOBODY, NOBODY)
    data_directory.give_tree(left / "rooms", NOBODY, NOBODY)
    assert {each.lstat().st_uid for each in (left, left / "file", left / "link")} == {NOBODY}
    elsewhere = (place / "secret", left / "hard", place / "else", place / "else" / "file")
    assert {each.stat().st_uid for each in elsewhere} == {0}
