"""Take a backup: small files, the database as of one moment, then the files that it names, then the manifest."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailserver import __version__
from mailserver.storage import checkpoints, segments
from mailserver.storage.backups import databases, generations, manifest, outside, trees
from mailserver.storage.backups.generations import TargetFailed
from mailserver.storage.backups.manifest import BackupProblem, Listed, Manifest
from mailserver.storage.backups.trees import Tree

MOST_NAMED = 20
_ALWAYS_COPIED = ("keys", "tls", "quarantine")  # they may be written in place


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be copied, and how."""

    data: Path
    target: Path
    keep: int = 7
    links_to_data: bool = True  # on the same file system; else every file is there twice
    is_online: bool = False
    outside: tuple[Path, ...] = ()  # files of the server that lie elsewhere


def take(wish: Wish, pause: Callable[[], None]) -> dict[str, Any]:
    """Add a generation to the target, and remove those that are too many; what there is to say of it.

    Whoever calls holds the data directory, or has asked the server that does to keep files. `pause` is called all
    along. Nothing that looks whole is left where this fails. BackupProblem with a sentence.
    """
    started = time.monotonic()
    if not (wish.data / manifest.DATABASE).is_file():
        raise BackupProblem(f"There is nothing to back up: {wish.data} has no {manifest.DATABASE}.")
    with generations.held(wish.target, wish.data) as held, generations.explained(wish.target):
        newest = held.newest()
        unfinished = held.begin()
        try:
            tree = Tree(unfinished)
            left_out = outside.take(wish.outside, unfinished / outside.ROOM)
            made, examples = _fill(wish, unfinished, tree, newest, pause)
            manifest.write(unfinished, made)
            whole = held.publish(unfinished)
        except BaseException:
            held.discard(unfinished)
            raise
        removed = held.prune(wish.keep)
    return {
        "generation": whole.name, "path": str(whole), "online": wish.is_online, "messages": made.messages,
        "queued": made.queued, "files": made.files, "bytes": made.bytes, "linked": tree.linked,
        "copied": tree.copied, "missing": made.missing, "examples": examples, "left_out": left_out, "removed": removed,
        "seconds": round(time.monotonic() - started, 2),
    }  # fmt: skip


def _fill(
    wish: Wish, unfinished: Path, tree: Tree, newest: Path | None, pause: Callable[[], None]
) -> tuple[Manifest, list[str]]:
    created_at = int(time.time() * 1000)
    _copy_small(wish.data, unfinished)
    try:
        databases.copy(wish.data / manifest.DATABASE, unfinished / manifest.DATABASE, pause)
    except sqlite3.Error as error:
        raise TargetFailed(f"The database could not be copied to {wish.target}: {error}.") from error
    _copy_small(wish.data, unfinished)  # again: a key made before the database's moment is in one of the two
    if not wish.is_online:  # a server that runs has stored what it had promised before this began
        _copy_journal(wish.data / "journal", unfinished / "journal")
    links = [*([wish.data] if wish.links_to_data else []), *([newest] if newest else [])]

    def copied() -> Iterator[Listed]:
        for room in manifest.LARGE:
            for file in trees.put_all(tree, trees.walk(wish.data, room), links, wish.data):
                pause()
                yield file

    count, octets = manifest.list_files(unfinished, copied())
    missing = [place for place in databases.places(unfinished / manifest.DATABASE) if _is_gone(unfinished / place)]
    facts = databases.facts(unfinished / manifest.DATABASE)
    small = [place for room in manifest.SMALL for place in trees.walk(unfinished, room)]
    hashed = tuple(manifest.hashed(unfinished, place) for place in [manifest.DATABASE, *small])
    made = Manifest(
        created_at, __version__, facts.schema, wish.is_online, facts.messages, facts.queued, len(missing), count,
        octets, manifest.hashed(unfinished, manifest.LISTING), hashed,
    )  # fmt: skip
    return made, missing[:MOST_NAMED]


def _copy_small(data: Path, unfinished: Path) -> None:
    for room in _ALWAYS_COPIED:
        for place in trees.walk(data, room):
            (unfinished / place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # moved or deleted since it was seen
                trees.copy(data / place, unfinished / place)


def _copy_journal(journal: Path, target: Path) -> None:
    """Copy what a server that does not run has accepted and may not have stored: its segments, up to their last record.

    All that have a life, even an empty one: it tells which records of an earlier life were never promised.
    """
    target.mkdir(mode=0o700, exist_ok=True)
    for path in sorted(journal.glob("*.seg")):
        life = segments.life(path)
        if life.generation:
            last = life.entries[-1] if life.entries else None
            end = last.offset + last.length if last else segments.HEADER_BYTES
            _copy_beginning(path, target / path.name, end)
    if sequence := checkpoints.read(journal):
        checkpoints.write(target, sequence)


def _copy_beginning(source: Path, target: Path, size: int) -> None:
    descriptor = os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out, source.open("rb") as file:
        while size > 0 and (chunk := file.read(min(size, 1 << 20))):
            out.write(chunk)
            size -= len(chunk)


def _is_gone(path: Path) -> bool:
    return not path.exists()
