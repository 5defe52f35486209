"""Backups without a server: what a generation has, what a check finds, and that half of one is none."""

import asyncio
import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import orjson
import pytest

from mailserver.storage.backups import checking, databases, generations, manifest, restoring, trees
from mailserver.storage.backups.generations import TargetBusy, TargetFailed, TargetUnusable
from mailserver.storage.backups.manifest import BackupDamaged, BackupProblem
from mailserver.storage.data_directory import DataDirectoryInUse, DataDirectoryProblem, held, refuse_half_restored
from mailserver.storage.journal import Journal
from tests.support import database_file
from tests.support.backups import everything, furnished, nothing, take


def restored(source, data, **more):
    return restoring.restore(restoring.Wish(source, data, **more), nothing)


@pytest.fixture
def house(tmp_path):
    furnished(tmp_path / "data")
    return tmp_path / "data"


def test_a_backup_put_back_is_what_was_there(tmp_path, house):
    answer = take(house, tmp_path / "target")
    assert (answer["messages"], answer["files"], answer["missing"]) == (5, 6, 0)
    assert restored(tmp_path / "target", tmp_path / "other")["ok"]
    before, after = everything(house), everything(tmp_path / "other")
    assert after.keys() - {"lock"} == before.keys() - {"lock"}
    assert all(after[name] == before[name] for name in before if name != "mailserver.db")
    with databases.opened(tmp_path / "other" / "mailserver.db") as database:
        assert database.execute("SELECT COUNT(*) FROM message").fetchone() == (5,)


def test_message_files_are_links_and_small_files_are_not(tmp_path, house):
    (place, *_) = [name for name in everything(house) if name.startswith("mail/")]
    path = take(house, tmp_path / "target")["path"]
    assert os.path.samefile(house / place, f"{path}/{place}")
    assert not os.path.samefile(house / "keys/webhooks.key", f"{path}/keys/webhooks.key")


def test_a_backup_that_copies_shares_files_with_the_last_backup_alone(tmp_path, house):
    first = take(house, tmp_path / "target", links_to_data=False)
    second = take(house, tmp_path / "target", links_to_data=False)
    assert (first["copied"], first["linked"], second["copied"], second["linked"]) == (6, 0, 0, 6)
    for name in (name for name in everything(house) if name.startswith("mail/")):
        assert not os.path.samefile(house / name, f"{first['path']}/{name}")
        assert os.path.samefile(f"{second['path']}/{name}", f"{first['path']}/{name}")


def test_a_file_system_without_links_gets_copies(tmp_path, house, monkeypatch):
    def refuse(*_arguments, **_more):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(trees.os, "link", refuse)
    assert take(house, tmp_path / "target")["copied"] == 6
    assert take(house, tmp_path / "target")["copied"] == 6


def test_the_oldest_go_and_the_newest_is_put_back(tmp_path, house):
    names = [take(house, tmp_path / "target", keep=2)["generation"] for _ in range(4)]
    assert [each.name for each in generations.generations(tmp_path / "target")] == names[2:]
    assert restored(tmp_path / "target", tmp_path / "other")["generation"] == names[3]
    assert restored(tmp_path / "target", tmp_path / "third", generation=names[2])["generation"] == names[2]
    with pytest.raises(BackupProblem, match=names[3]):
        restored(tmp_path / "target", tmp_path / "fourth", generation=names[0])


def test_a_clock_that_was_put_back_does_not_make_the_newest_the_oldest(tmp_path, house):
    path = take(house, tmp_path / "target")["path"]
    future = tmp_path / "target" / "29990101T000000.000000Z"
    os.rename(path, future)
    following = take(house, tmp_path / "target", keep=1)
    assert following["generation"] == "29990101T000000.000001Z"
    assert following["removed"] == [future.name]


def test_a_target_in_the_data_directory_is_refused(tmp_path, house):
    (tmp_path / "way").symlink_to(house)
    for target in (house, house / "mail" / "x", tmp_path / "way" / "backups"):
        with pytest.raises(TargetUnusable, match="outside"):
            take(house, target)
    assert not (house / "backups").exists()


def test_two_backups_at_once_do_not_meet(tmp_path, house):
    with generations.held(tmp_path / "target", house), pytest.raises(TargetBusy):
        take(house, tmp_path / "target")


def test_a_target_that_is_a_file_is_named(tmp_path, house):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TargetUnusable, match="file"):
        take(house, tmp_path / "file")


@pytest.mark.parametrize("limit", [200, 4096, 100_000])
def test_a_target_that_fills_up_has_nothing_that_looks_whole(tmp_path, house, limit):
    before = everything(house)
    take(house, tmp_path / "target")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(TargetFailed):
            take(house, tmp_path / "target", links_to_data=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(generations.generations(tmp_path / "target")) == 1
    assert sorted(os.listdir(tmp_path / "target"))[1:] == ["lock"]
    after = everything(house)
    assert {name: after[name] for name in before if "-shm" not in name and "-wal" not in name} == {
        name: before[name] for name in before if "-shm" not in name and "-wal" not in name
    }
    assert take(house, tmp_path / "target")["files"] == 6


def test_a_file_that_the_database_names_and_nobody_has_is_said(tmp_path, house):
    place = next(name for name in everything(house) if name.startswith("mail/"))
    (house / place).unlink()
    answer = take(house, tmp_path / "target")
    assert (answer["missing"], answer["examples"]) == (1, [place])
    assert restored(tmp_path / "target", tmp_path / "other")["ok"]


async def test_what_a_journal_has_promised_is_in_a_backup_without_its_spare_octets(tmp_path, house):
    def opened(data):
        journal = Journal(data / "journal", 1 << 20, 4)
        return journal, journal.open(0)

    journal, _ = opened(house)
    journal.start()
    assert [await journal.append([b"first", b" of all"]), await journal.append([b"second"])] == [1, 2]
    await asyncio.to_thread(journal.stop)
    path = Path(take(house, tmp_path / "target")["path"])
    assert all(each.stat().st_size < 4096 for each in path.glob("journal/*.seg"))
    restored(tmp_path / "target", tmp_path / "other")
    _, left = opened(tmp_path / "other")
    assert [(each.entry.sequence, each.read()) for each in left] == [(1, b"first of all"), (2, b"second")]


async def test_what_a_journal_has_stored_for_good_is_not_stored_again(tmp_path, house):
    journal = Journal(house / "journal", 1 << 20, 4)
    journal.open(0)
    journal.start()
    for content in (b"first", b"second"):
        await journal.append([content])
    await asyncio.to_thread(journal.checkpoint, 1)
    await asyncio.to_thread(journal.stop)
    take(house, tmp_path / "target")
    restored(tmp_path / "target", tmp_path / "other")
    left = Journal(tmp_path / "other" / "journal", 1 << 20, 4).open(0)
    assert [each.read() for each in left] == [b"second"]


# -- what is wrong with a backup -----------------------------------------------------------------------------------


def tampered(tmp_path, house, tamper):
    take(house, tmp_path / "target", links_to_data=False)
    directory = generations.chosen(tmp_path / "target", None)
    tamper(directory)
    return directory


def cut(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


def a_message(directory):
    return next(path for path in sorted(directory.glob("mail/*/cur/*/*")) if path.stat().st_size > 40)


WRONG = {
    "no manifest": lambda directory: (directory / "manifest.json").unlink(),
    "half a manifest": lambda directory: cut(directory / "manifest.json", 100),
    "an empty manifest": lambda directory: cut(directory / "manifest.json", 0),
    "another number in it": lambda directory: (directory / "manifest.json").write_bytes(
        (directory / "manifest.json").read_bytes().replace(b'"messages": 5', b'"messages": 4')
    ),
    "a list instead of it": lambda directory: (directory / "manifest.json").write_bytes(b"[]"),
    "no database": lambda directory: (directory / "mailserver.db").unlink(),
    "half a database": lambda directory: cut(directory / "mailserver.db", 8192),
    "a changed key": lambda directory: (directory / "keys/webhooks.key").write_bytes(b"x" * 32),
    "a list that is cut off": lambda directory: cut(directory / "files.list", 50),
    "no list": lambda directory: (directory / "files.list").unlink(),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_backup_that_is_not_whole_is_not_put_back_and_nothing_is_made(tmp_path, house, wrong):
    tampered(tmp_path, house, WRONG[wrong])
    with pytest.raises(BackupDamaged):
        restored(tmp_path / "target", tmp_path / "other", partial=True)
    assert sorted(os.listdir(tmp_path / "other")) == ["lock"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda path: path.unlink(), "missing: mail/"),
        (lambda path: cut(path, 10), "cut off: mail/"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "changed: mail/"),
    ],
    ids=["missing", "cut off", "changed"],
)
def test_a_message_that_is_not_as_written_is_named_and_the_rest_can_be_had(tmp_path, house, wrong, said):
    directory = tampered(tmp_path, house, lambda directory: wrong(a_message(directory)))
    with pytest.raises(BackupDamaged, match=said):
        restored(tmp_path / "target", tmp_path / "other")
    answer = restored(tmp_path / "target", tmp_path / "other", partial=True)
    assert answer["linked"] + answer["copied"] == 5
    found = checking.check(directory, nothing, deep=False)
    assert found.is_whole is (said == "changed: mail/")


def test_a_list_that_leads_elsewhere_is_refused():
    for path in ("mail/../../etc/passwd", "/etc/passwd", "mail", "mail//x", "keys/x", "mail/./x", "mail/a\nb"):
        assert not manifest.is_place(path, manifest.LARGE)
    assert manifest.is_place("mail/inb_1/cur/ab/msg_1", manifest.LARGE)


def test_a_later_format_is_told_from_damage(tmp_path, house):
    def later(directory):
        document = orjson.loads((directory / "manifest.json").read_bytes())
        del document["seal"]
        document["format"] = 99
        document["seal"] = manifest._seal(document)
        (directory / "manifest.json").write_bytes(orjson.dumps(document))

    tampered(tmp_path, house, later)
    with pytest.raises(BackupProblem, match="newer version"):
        restored(tmp_path / "target", tmp_path / "other")


# -- where it is put back ------------------------------------------------------------------------------------------


def test_a_directory_that_is_not_empty_is_kept_unless_that_is_wanted(tmp_path, house):
    take(house, tmp_path / "target")
    other = tmp_path / "other"
    furnished(other, messages=1)
    (other / "journal").mkdir()
    (other / "journal" / "000001.seg").write_bytes(b"old")
    (other / "mailserver.db-wal").write_bytes(b"old")
    before = everything(other)
    with pytest.raises(TargetUnusable, match="--yes"):
        restored(tmp_path / "target", other)
    assert {**everything(other), "lock": b""} == before | {"lock": b""}
    aside = restored(tmp_path / "target", other, replaces=True)["aside"]
    assert everything(tmp_path / aside) == before
    assert not (other / "journal").exists()
    assert not (other / "mailserver.db-wal").exists()
    assert len(list(other.glob("mail/*/cur/*/*"))) == 5


def test_a_directory_that_is_in_use_is_left_alone(tmp_path, house):
    take(house, tmp_path / "target")
    with held(house), pytest.raises(DataDirectoryInUse):
        restored(tmp_path / "target", house, replaces=True)


KILLED = """
import os, sys
from pathlib import Path
from mailserver.storage.backups import restoring
count = 0
def counted(real):
    def call(*arguments, **more):
        global count
        count += 1
        if count == int(sys.argv[3]):
            os.kill(os.getpid(), 9)
        return real(*arguments, **more)
    return call
for name in ("rename", "unlink", "mkdir", "rmdir"):
    setattr(Path, name, counted(getattr(Path, name)))
wish = restoring.Wish(Path(sys.argv[1]), Path(sys.argv[2]), replaces=True)
restoring.restore(wish, lambda: None)
"""


def test_a_restore_killed_anywhere_leaves_the_old_the_new_or_one_that_says_so(tmp_path, house):
    take(house, tmp_path / "target")
    furnished(tmp_path / "old", messages=2)
    old = {name: content for name, content in everything(tmp_path / "old").items() if name != "lock"}
    seen = set()
    for step in range(1, 200):
        other = tmp_path / f"other{step}"
        furnished(other, messages=2)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(KILLED), tmp_path / "target", other, str(step)], check=False
        )
        number = len(list(other.glob("mail/*/cur/*/*")))
        try:
            refuse_half_restored(other)
        except DataDirectoryProblem:
            seen.add("between")
            assert restored(tmp_path / "target", other)["finished"]
            number = 5
            refuse_half_restored(other)
        assert number in (2, 5)
        seen.add(number)
        whole = other if number == 5 else tmp_path / "old"
        found = {name: content for name, content in everything(other).items() if "before-restore" not in name}
        if number == 5:
            assert len(list(whole.glob("mail/*/cur/*/*"))) == 5
            (aside,) = other.glob("before-restore-*")
            assert everything(aside).keys() == old.keys()
        else:
            assert old.keys() <= found.keys()
        with database_file.reading(other) as database:
            assert database.execute("SELECT COUNT(*) FROM message").fetchone() == (number,)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert seen == {2, 5, "between"}
