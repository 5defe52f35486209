"""How it went with each name's certificate, kept so that a restart does not ask an authority all over again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mailserver.certificates import keys

FILE = "state.json"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempts for a name; times are unix milliseconds, 0 where there is none."""

    failures: int = 0
    last_at: int = 0
    last_error: str = ""
    not_before_at: int = 0  # of the next one
    order: str = ""  # that was begun and not brought to its end
    renewal_id: str = ""  # of the certificate that the next four are about
    window_start_at: int = 0
    window_end_at: int = 0
    renew_at: int = 0
    ask_at: int = 0  # the authority, about the window
    next_key_seen_at: int = 0  # in TLSA records
    longest_ttl_seconds: float = 0  # of the TLSA records, while there was a next key


def load(place: Path) -> Attempt:
    """Read a name's attempts; as if there were none where they cannot be read. Blocks."""
    try:
        document = json.loads((place / FILE).read_bytes())
        return Attempt(**document)
    except (OSError, ValueError, TypeError):
        return Attempt()


def save(place: Path, attempt: Attempt) -> None:
    """Keep a name's attempts. Blocks."""
    keys.replace(place / FILE, json.dumps(asdict(attempt)).encode("utf-8"))
