"""A data directory as a backup finds it, made without a server: a database, message files, keys and an upload."""

import hashlib
from pathlib import Path

from mailserver.storage import files, sqlite
from mailserver.storage.backups import taking

FIRST_ID, INBOX = 7_000_000_000_000_000_000 >> 1, 4_000_000_000


def nothing():
    """What a backup does between its steps."""


def furnished(data: Path, messages: int = 5) -> list[str]:
    """Make the directory; the places of its message files, below it."""
    data.mkdir(parents=True, exist_ok=True)
    database = sqlite.connect(data / "mailserver.db")
    sqlite.migrate(database)
    kept = files.MessageFiles(data / "mail")
    places = []
    for number in range(messages):
        content = f"Subject: {number}\r\n\r\nbody {number}\r\n".encode() * (number + 1)
        place = files.location(INBOX, FIRST_ID + number)
        kept.write(place, [content], sync=False)
        add(database, FIRST_ID + number, content)
        places.append(f"mail/{place}")
    database.close()
    for path, content in (
        ("keys/local.test/a.pem", b"private"), ("keys/webhooks.key", b"k" * 32), ("tls/self-signed.pem", b"tls"),
        (f"uploads/{hashlib.sha256(b'u').hexdigest()[:2]}/{hashlib.sha256(b'u').hexdigest()}", b"u"),
    ):  # fmt: skip
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_bytes(content)
    return places


def add(database, message_id, content):
    """A message's row, as much of it as a backup looks at."""
    columns = [row for row in database.execute_sql("PRAGMA table_info(message)") if row[3] and row[4] is None]
    values = {name: (b"" if "BLOB" in kind else 0 if "INT" in kind else "") for _, name, kind, *_ in columns}
    values |= {"id": message_id, "inbox_id": INBOX, "size": len(content), "blob": hashlib.sha256(content).digest()}
    marks = ",".join("?" * len(values))
    database.execute_sql(f"INSERT INTO message({','.join(values)}) VALUES ({marks})", list(values.values()))


def take(data: Path, target: Path, **more):
    """A backup of a directory that no server runs on."""
    return taking.take(taking.Wish(data, target, **more), nothing)


def everything(directory: Path) -> dict[str, bytes]:
    """The files below a directory with their content."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
