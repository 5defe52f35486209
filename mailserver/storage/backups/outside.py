"""Files of the server that lie outside its data directory: the configuration, and certificates of the operator's."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import orjson

ROOM = "outside"  # of a generation, and of a data directory that one was put back into
_PLACES = "places.json"


def take(paths: Sequence[Path], directory: Path) -> list[str]:
    """Copy files and note where they lay; those that could not be read."""
    if not paths:
        return []
    directory.mkdir(mode=0o700, exist_ok=True)
    places: dict[str, str] = {}
    left_out = []
    for path in paths:
        name = path.name if path.name not in places else f"{len(places)}-{path.name}"
        try:
            with path.open("rb") as source:
                descriptor = os.open(directory / name, os.O_CREAT | os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as copy:
                    shutil.copyfileobj(source, copy)
        except (FileNotFoundError, PermissionError):
            left_out.append(str(path))
            continue
        places[name] = str(path.absolute())
    (directory / _PLACES).write_bytes(orjson.dumps(places, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return left_out


def places(directory: Path) -> dict[str, str]:
    """Where each file lay, by where it lies now; none in a backup of an earlier version."""
    try:
        found: dict[str, str] = orjson.loads((directory / ROOM / _PLACES).read_bytes())
    except FileNotFoundError:
        return {}
    return {str(directory / ROOM / name): place for name, place in found.items()}
