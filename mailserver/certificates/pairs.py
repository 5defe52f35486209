"""Certificates with their keys as they were issued: one whole directory for each, the newest counts."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailserver.certificates import keys, leaf
from mailserver.certificates.leaf import Leaf

CHAIN, KEY, NEXT_KEY = "chain.pem", "key.pem", "next.pem"
KEPT = 2  # the one that counts, and the one before it
LONGEST_NAME = 254


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a chain and its key lie, and what the first certificate says."""

    chain: Path
    key: Path
    leaf: Leaf


class Pairs:
    """The pairs of each name below a directory; every method blocks.

    A directory gets its number when all that is in it is on the disk: a crash leaves the old pair or the new one.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def names(self) -> list[str]:
        """The names that have a pair, or had one asked for."""
        if not self._directory.exists():
            return []
        return sorted(path.name for path in self._directory.iterdir() if path.is_dir())

    def place(self, name: str) -> Path:
        """The directory of a name."""
        if "/" in name or "\0" in name or name.startswith(".") or not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(f"{name!r} is no name of a certificate")
        return self._directory / name

    def newest(self, name: str) -> Pair | None:
        """The pair that counts; None where there is none that can be read."""
        return next(self._readable(name), None)

    def kept(self, name: str) -> list[Pair]:
        """The pairs that are there, that which counts first."""
        return list(self._readable(name))

    def save(self, name: str, chain: bytes, key: bytes) -> None:
        """Make a pair the one that counts."""
        place = self.place(name)
        keys.enclose(place)
        fresh = place / ".new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        keys.put(fresh / CHAIN, chain)
        keys.put(fresh / KEY, key)
        keys.sync(fresh)
        numbers = self._numbers(name)
        fresh.rename(place / str(numbers[-1] + 1 if numbers else 1))
        keys.sync(place)
        for number in self._numbers(name)[:-KEPT]:
            shutil.rmtree(place / str(number), ignore_errors=True)

    def drop(self, name: str, unwanted: Callable[[Pair], bool]) -> None:
        """Take pairs away, so that none of them comes to count."""
        for pair in self.kept(name):
            if unwanted(pair):
                shutil.rmtree(pair.key.parent)
        if self.place(name).exists():
            keys.sync(self.place(name))

    def key(self, name: str) -> bytes | None:
        """The key of the pair that counts."""
        pair = self.newest(name)
        return None if pair is None else pair.key.read_bytes()

    def next_key(self, name: str) -> bytes | None:
        """The key that the next certificate is to have."""
        path = self.place(name) / NEXT_KEY
        return path.read_bytes() if path.exists() else None

    def next_public_key(self, name: str) -> bytes | None:
        """The public half of a key that is to follow another one; None where nothing is to change."""
        ready, pair = self.next_key(name), self.newest(name)
        public = None if ready is None else keys.public(ready)
        return None if pair is None or pair.leaf.public_key == public else public

    def keep_next_key(self, name: str, pem: bytes) -> None:
        """Have a key ready before anybody signs it."""
        keys.replace(self.place(name) / NEXT_KEY, pem)

    def drop_next_key(self, name: str) -> None:
        """Have no next key: it has become the key, or nobody wants it."""
        (self.place(name) / NEXT_KEY).unlink(missing_ok=True)

    def _readable(self, name: str) -> Iterator[Pair]:
        """Newest first; what is damaged by hand or by the disk is left out: the one before it is better than none."""
        for number in reversed(self._numbers(name)):
            inside = self.place(name) / str(number)
            try:
                keys.read((inside / KEY).read_bytes())
                pair = Pair(inside / CHAIN, inside / KEY, leaf.read((inside / CHAIN).read_bytes()))
            except (OSError, ValueError):
                continue
            yield pair

    def _numbers(self, name: str) -> list[int]:
        place = self.place(name)
        if not place.exists():
            return []
        return sorted(int(path.name) for path in place.iterdir() if path.name.isdecimal() and path.is_dir())
