"""Put a backup back into a data directory.

Everything is made in `restoring` inside the data directory, brought to the disk, and renamed to `restored`: from then
on the restore happens, whatever breaks. What was there before goes aside first, then what is new gets its place. A
directory with `restored` in it is neither the old nor the new one: no server starts on it, and `restore` finishes it.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from mailserver.storage import data_directory, files
from mailserver.storage.backups import checking, generations, manifest, outside, trees
from mailserver.storage.backups.generations import TargetUnusable
from mailserver.storage.backups.trees import Tree
from mailserver.storage.data_directory import RESTORED

_MAKING = "restoring"
_PLAN = "aside.json"  # in `restored`: what goes aside, as long as not all of it has
_ASIDE = "before-restore-"
_NOBODYS = ("lock", "admin.sock", "lost+found", _MAKING, RESTORED)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be put back, and where."""

    source: Path
    data: Path
    generation: str | None = None
    replaces: bool = False  # what is there goes aside
    partial: bool = False  # though messages are missing or changed


def restore(wish: Wish, pause: Callable[[], None]) -> dict[str, Any]:
    """Make the data directory what the backup is; what there is to say of it.

    BackupProblem with a sentence, DataDirectoryInUse where a server runs on it.
    """
    with data_directory.held(wish.data), generations.explained(wish.data):
        if (wish.data / RESTORED).exists():
            return {"finished": True, "data_dir": str(wish.data), "aside": _finish(wish.data)}
        present = _present(wish.data)
        if present and not wish.replaces:
            raise TargetUnusable(
                f"The data directory {wish.data} is not empty. Name an empty one, or add --yes: "
                f"what is there is then moved to {_ASIDE}… inside of it."
            )
        directory = generations.chosen(wish.source, wish.generation)
        found = checking.check(directory, pause, deep=True)
        checking.whole_enough(directory, found, partial=wish.partial)
        making = wish.data / _MAKING
        if making.exists():
            shutil.rmtree(making)
        try:
            tree = _make(directory, making, found.bad, pause)
            (making / _PLAN).write_bytes(orjson.dumps({"aside": _stamped(), "names": present}))
            files.sync_file_system(making)
            making.rename(wish.data / RESTORED)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        files.sync_directory(wish.data)
        aside = _finish(wish.data)
    answer = checking.answer(directory, found)
    return answer | {
        "data_dir": str(wish.data), "aside": aside, "linked": tree.linked, "copied": tree.copied,
        "outside": outside.places(wish.data),
    }  # fmt: skip


def _present(data: Path) -> list[str]:
    return sorted(
        each.name for each in data.iterdir() if each.name not in _NOBODYS and not each.name.startswith(_ASIDE)
    )


def _stamped() -> str:
    return f"{_ASIDE}{datetime.now(UTC).strftime('%Y%m%dT%H%M%S.%fZ')}"


def _make(directory: Path, making: Path, bad: set[str], pause: Callable[[], None]) -> Tree:
    """All files of a generation, but for bad ones; they are the server's, where root puts them back."""
    owner = making.parent.stat()
    making.mkdir(mode=0o700)
    tree = Tree(making, owner.st_uid)
    for hashed in manifest.read(directory).hashed:
        (making / hashed.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        trees.copy(directory / hashed.path, making / hashed.path)
    for file in manifest.listed(directory):
        pause()
        if file.path not in bad:
            tree.put(file.path, [directory], directory)
    if os.geteuid() == 0 and owner.st_uid != 0:
        data_directory.give_tree(making, owner.st_uid, owner.st_gid)
    return tree


def _finish(data: Path) -> str | None:
    """Move what was there aside, then what is new into its place; may be repeated. Where the old is, if any was."""
    restored = data / RESTORED
    plan = restored / _PLAN
    aside = None
    if plan.exists():
        wanted = orjson.loads(plan.read_bytes())
        aside = _set_aside(data, data / wanted["aside"], wanted["names"])
        plan.unlink()
        files.sync_directory(restored)
    for each in sorted(restored.iterdir()):
        each.rename(data / each.name)
    files.sync_directory(data)
    restored.rmdir()
    files.sync_directory(data)
    return aside


def _set_aside(data: Path, aside: Path, names: list[str]) -> str | None:
    if not names:
        return None
    aside.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        owner = data.stat()
        os.chown(aside, owner.st_uid, owner.st_gid, follow_symlinks=False)
    for name in names:
        if (data / name).exists():
            (data / name).rename(aside / name)
    for directory in (aside, data):
        files.sync_directory(directory)
    return str(aside)
