"""An upgrade: a copy first, everything or nothing, and a newer database is not touched."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from mailserver.storage import sqlite, store, upgrades
from mailserver.storage.backups import databases
from tests.support.inside import settings

BROKEN = """
def up(migrator, db):
    db.execute_sql("CREATE TABLE half (id INTEGER)")
    db.execute_sql("DROP TABLE message")
    raise ValueError("this script has a mistake")
"""
FINE = """
def up(migrator, db):
    db.execute_sql("CREATE TABLE later{0} (id INTEGER)")
"""


@pytest.fixture
def scripts(tmp_path):
    shutil.copytree(sqlite.MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "migrations"


def made(tmp_path):
    """A database of this program, with something in it."""
    (tmp_path / "data").mkdir(exist_ok=True)
    path = tmp_path / "data" / "mailserver.db"
    database = upgrades.bring_forward(path)
    database.execute_sql("INSERT INTO setting(name, value) VALUES ('a', 'b')")
    database.close()
    return path


def tables(path):
    database = sqlite.connect(path)
    names = {row[0] for row in database.execute_sql("SELECT name FROM sqlite_master")}
    database.close()
    return names


def copies(path):
    directory = path.parent / "upgrades"
    return sorted(directory.iterdir()) if directory.exists() else []


def test_a_new_database_and_one_with_nothing_to_do_are_not_copied(tmp_path):
    path = made(tmp_path)
    upgrades.bring_forward(path).close()
    assert copies(path) == []


def test_a_copy_is_made_before_and_it_can_be_used(tmp_path, scripts):
    path = made(tmp_path)
    before = databases.schema(path)
    (scripts / "9001_later.py").write_text(FINE.format(1))
    upgrades.bring_forward(path, scripts).close()
    assert "later1" in tables(path)
    (copy,) = copies(path)
    assert before[-1] in copy.name
    assert databases.schema(copy) == before
    shutil.copy(copy, path)
    with databases.opened(path) as database:
        assert database.execute("SELECT value FROM setting WHERE name = 'a'").fetchone() == ("b",)
    upgrades.bring_forward(path).close()


def test_no_more_than_three_copies_are_kept(tmp_path, scripts):
    path = made(tmp_path)
    for number in range(5):
        (scripts / f"900{number}_later.py").write_text(FINE.format(number))
        upgrades.bring_forward(path, scripts).close()
    assert [each.name.partition("-")[2] for each in copies(path)] == [
        "9001_later.db", "9002_later.db", "9003_later.db"
    ]  # fmt: skip


def test_an_upgrade_that_fails_leaves_the_database_to_the_program_before(tmp_path, scripts):
    path = made(tmp_path)
    before, schema = tables(path), databases.schema(path)
    (scripts / "9001_later.py").write_text(FINE.format(1))
    (scripts / "9002_broken.py").write_text(BROKEN)
    for _ in range(2):
        with pytest.raises(sqlite.DatabaseProblem, match=r"9002_broken: ValueError\('this script has a mistake'\)"):
            upgrades.bring_forward(path, scripts)
    assert tables(path) == before
    assert databases.schema(path) == schema
    upgrades.bring_forward(path).close()


def test_an_upgrade_that_is_killed_leaves_the_database_to_the_program_before(tmp_path, scripts):
    path = made(tmp_path)
    before = tables(path)
    (scripts / "9001_later.py").write_text(FINE.format(1))
    (scripts / "9002_killed.py").write_text(
        "import os\ndef up(migrator, db):\n    db.execute_sql('DROP TABLE message')\n    os.kill(os.getpid(), 9)\n"
    )
    script = (
        "import sys; from pathlib import Path; from mailserver.storage import upgrades; "
        "upgrades.bring_forward(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    assert subprocess.run([sys.executable, "-c", script, path, scripts], check=False).returncode == -9
    assert tables(path) == before
    upgrades.bring_forward(path).close()


def test_a_newer_database_is_refused_and_not_a_byte_is_changed(tmp_path, scripts):
    path = made(tmp_path)
    (scripts / "9001_later.py").write_text(FINE.format(1))
    upgrades.bring_forward(path, scripts).close()
    (copy,) = copies(path)
    before, kept = path.read_bytes(), copy.read_bytes()
    with pytest.raises(sqlite.DatabaseNewer, match=r"newer version \(it has 9001_later\)"):
        upgrades.bring_forward(path)
    assert path.read_bytes() == before
    assert [each.read_bytes() for each in copies(path)] == [kept]


def test_without_room_for_the_copy_nothing_is_changed(tmp_path, scripts):
    path = made(tmp_path)
    before = tables(path)
    (path.parent / "upgrades").write_text("in the way")
    (scripts / "9001_later.py").write_text(FINE.format(1))
    with pytest.raises(sqlite.DatabaseProblem, match="Nothing was changed"):
        upgrades.bring_forward(path, scripts)
    assert tables(path) == before


def test_a_copy_that_broke_off_is_taken_away(tmp_path, scripts):
    path = made(tmp_path)
    (path.parent / "upgrades").mkdir()
    (path.parent / "upgrades" / "x.unfinished").write_bytes(b"half")
    (scripts / "9001_later.py").write_text(FINE.format(1))
    upgrades.bring_forward(path, scripts).close()
    (copy,) = copies(path)
    assert os.stat(copy).st_mode & 0o077 == 0


async def test_a_start_that_takes_its_time_does_not_hold_the_loop(tmp_path):
    """A supervisor that hears nothing would kill it, and the next one, and the next."""
    (tmp_path / "data").mkdir()
    other = sqlite3.connect(tmp_path / "data" / "mailserver.db")
    other.execute("CREATE TABLE strange (id INTEGER)")
    other.execute("BEGIN EXCLUSIVE")  # the start waits for its end

    async def begin():
        async with store.opened(settings(tmp_path), lambda _: None):
            return "opened"

    starting = asyncio.create_task(begin())
    turns = 0
    async with asyncio.timeout(60):
        while turns < 20:
            await asyncio.sleep(0.01)
            turns += not starting.done()
    assert not starting.done()
    other.rollback()
    other.close()
    assert await asyncio.wait_for(starting, 60) == "opened"
