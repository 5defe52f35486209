"""What an export writes beside the mail: which of our folders is where, so that they come back as they were."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mailserver.entities.folder import Role
from mailserver.entities.moving import Place

NAME = "mailserver-export.json"
LARGEST = 4 << 20
LONGEST_NAME = 240  # octets of a file name, before an ending
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Inventory:
    """Folders by where they lie below the directory."""

    inbox: str
    form: str
    places: dict[str, Place]
    is_finished: bool


def write(directory: Path, inventory: Inventory) -> None:
    """Write it, whole or not at all."""
    document = {
        "version": _VERSION,
        "inbox": inventory.inbox,
        "format": inventory.form,
        "finished": inventory.is_finished,
        "folders": {
            at: {"path": place.path, "role": place.role.value if place.role else None}
            for at, place in inventory.places.items()
        },
    }
    temporary = directory / f".{NAME}.tmp"
    temporary.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    temporary.replace(directory / NAME)


def read(directory: Path) -> Inventory | None:
    """What an export has left there; None where none has, or nobody can read it."""
    path = directory / NAME
    try:
        if path.stat().st_size > LARGEST:
            return None
        document: dict[str, Any] = orjson.loads(path.read_bytes())
        places = {
            at: Place(tuple(row["path"]), Role(row["role"]) if row["role"] else None)
            for at, row in document["folders"].items()
        }
        return Inventory(document["inbox"], document["format"], places, bool(document["finished"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
