"""What each inbox has learned of the words of junk and of wanted mail, and the lessons that wait to be learned.

Tokens are stored as 64-bit hashes with a salt of the inbox: the rows of one inbox say nothing about another's.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.entities.message import Flag, Visibility
from mailserver.storage.database import Snapshot, Transaction

TOPIC = "lessons"
LEARNED = "lessons learned"
SPAM, HAM, NOTHING = 1, -1, 0
MOST_TOKENS = 200_000  # of one inbox; the rarest, then the oldest, go first
KEPT_SHARE = 0.9  # of MOST_TOKENS after pruning, so that it is not done at every lesson
SALT_BYTES = 16
MOST_WANTED = 5  # messages that one lesson about junk brings along
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Lesson:
    """A message and what is to be learned from it: SPAM, HAM or NOTHING any more. `learned` is what stands."""

    message_id: int
    inbox_id: int
    wanted: int
    learned: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages of each kind an inbox has learned, and for each token in how many it stood (ham, spam)."""

    ham: int
    spam: int
    tokens: tuple[tuple[int, int], ...]


def ask(tx: Transaction, message_id: int, inbox_id: int, is_spam: bool, at: int) -> None:  # noqa: FBT001 - a fact
    """Ask that a message be learned as spam or as ham, inside the transaction that says so."""
    tx.execute(
        "INSERT INTO lesson(message_id, inbox_id, wanted, asked_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT(message_id) DO UPDATE SET wanted = excluded.wanted, asked_at = excluded.asked_at",
        (message_id, inbox_id, SPAM if is_spam else HAM, at),
    )
    tx.ring(TOPIC)


def forget_message(tx: Transaction, message_id: int) -> None:
    """Drop the record of a lesson with its message; what was learned stays, and what waits is still learned."""
    tx.execute("DELETE FROM lesson WHERE message_id = ? AND wanted = learned", (message_id,))


def open_lessons(snapshot: Snapshot, limit: int) -> list[Lesson]:
    """Lessons that wait, oldest first."""
    rows = snapshot.all(
        "SELECT message_id, inbox_id, wanted, learned FROM lesson WHERE wanted != learned "
        "ORDER BY asked_at, message_id LIMIT ?",
        (limit,),
    )
    return [Lesson(*row) for row in rows]


def learn(tx: Transaction, lesson: Lesson, tokens: Iterable[str], at: int) -> bool:
    """Take back what a message was learned as, and learn it as wanted; False where somebody did so meanwhile."""
    row = tx.one("SELECT wanted, learned FROM lesson WHERE message_id = ?", (lesson.message_id,))
    if row is None or tuple(row) != (lesson.wanted, lesson.learned) or lesson.wanted == lesson.learned:
        return False
    salt = _salt(tx, lesson.inbox_id)
    hashes = sorted({_hashed(salt, token) for token in tokens})
    if lesson.learned != NOTHING:
        _count(tx, lesson.inbox_id, hashes, lesson.learned, -1, at)
    if lesson.wanted != NOTHING:
        _count(tx, lesson.inbox_id, hashes, lesson.wanted, 1, at)
    settle(tx, lesson)
    tx.ring(LEARNED)
    _bound(tx, lesson.inbox_id, len(hashes) if lesson.wanted != NOTHING else 0)
    return True


def settle(tx: Transaction, lesson: Lesson) -> None:
    """Mark a lesson as done; the row of a message that is gone goes, too."""
    tx.execute(
        "UPDATE lesson SET learned = wanted WHERE message_id = ? AND wanted = ?", (lesson.message_id, lesson.wanted)
    )
    if tx.one("SELECT 1 FROM message WHERE id = ?", (lesson.message_id,)) is None:
        forget_message(tx, lesson.message_id)


def taught(snapshot: Snapshot, inbox_ids: Sequence[int]) -> frozenset[int]:
    """Those inboxes that have learned anything."""
    found: set[int] = set()
    for start in range(0, len(inbox_ids), _CHUNK):
        some = inbox_ids[start : start + _CHUNK]
        marks = ", ".join("?" * len(some))
        sql = f"SELECT inbox_id FROM bayes_inbox WHERE inbox_id IN ({marks})"
        found.update(row[0] for row in snapshot.all(sql, some))
    return frozenset(found)


def ask_for_wanted(tx: Transaction, inbox_id: int, before: int, at: int) -> int:
    """Where junk outweighs wanted mail in what an inbox has learned, ask for wanted messages; how many.

    Wanted is what lies outside Junk and Trash and was read, or has lain there since `before` unmoved: whoever moves
    junk out of the way has left it there. A later move to Junk takes the lesson back.
    """
    row = tx.one("SELECT ham, spam FROM bayes_inbox WHERE inbox_id = ?", (inbox_id,))
    missing = min(row[1] - row[0], MOST_WANTED) if row else 0
    if missing <= 0:
        return 0
    rows = tx.all(
        "SELECT m.id FROM message m WHERE m.inbox_id = ? AND m.visibility = ? AND m.is_ours = 0 "
        "AND (m.flags & ? OR m.received_at < ?) AND NOT EXISTS (SELECT 1 FROM lesson l WHERE l.message_id = m.id) "
        "ORDER BY m.received_at DESC LIMIT ?",
        (inbox_id, int(Visibility.NORMAL), int(Flag.SEEN), before, missing),
    )
    for (message_id,) in rows:
        ask(tx, message_id, inbox_id, False, at)
    return len(rows)


def counts(snapshot: Snapshot, inbox_id: int, tokens: Sequence[str], at_least: int) -> Counts | None:
    """What an inbox knows of tokens; None where it has not learned so many messages of both kinds yet."""
    row = snapshot.one("SELECT salt, ham, spam FROM bayes_inbox WHERE inbox_id = ?", (inbox_id,))
    if row is None or min(row[1], row[2]) < at_least:
        return None
    salt, ham, spam = bytes(row[0]), row[1], row[2]
    hashes = [_hashed(salt, token) for token in tokens]
    found: list[tuple[int, int]] = []
    for start in range(0, len(hashes), _CHUNK):
        some = hashes[start : start + _CHUNK]
        marks = ", ".join("?" * len(some))
        sql = f"SELECT ham, spam FROM bayes_token WHERE inbox_id = ? AND token IN ({marks})"
        found.extend((row[0], row[1]) for row in snapshot.all(sql, (inbox_id, *some)))
    return Counts(ham, spam, tuple(found))


def _salt(tx: Transaction, inbox_id: int) -> bytes:
    tx.execute(
        "INSERT INTO bayes_inbox(inbox_id, salt) VALUES (?, ?) ON CONFLICT(inbox_id) DO NOTHING",
        (inbox_id, secrets.token_bytes(SALT_BYTES)),
    )
    return bytes(tx.one("SELECT salt FROM bayes_inbox WHERE inbox_id = ?", (inbox_id,))[0])


def _hashed(salt: bytes, token: str) -> int:
    digest = hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).digest()
    return int.from_bytes(digest, "big", signed=True)


def _count(tx: Transaction, inbox_id: int, hashes: Sequence[int], kind: int, sign: int, at: int) -> None:
    """Count a message in or out. What pruning has taken meanwhile does not fall below nothing."""
    column = "spam" if kind == SPAM else "ham"
    if sign > 0:
        tx.executemany(
            f"INSERT INTO bayes_token(inbox_id, token, ham, spam, learned_at) VALUES (?, ?, ?, ?, ?) "
            f"ON CONFLICT(inbox_id, token) DO UPDATE SET {column} = bayes_token.{column} + 1, "
            "learned_at = excluded.learned_at",
            [(inbox_id, token, int(kind == HAM), int(kind == SPAM), at) for token in hashes],
        )
    else:
        keys = [(inbox_id, token) for token in hashes]
        tx.executemany(
            f"UPDATE bayes_token SET {column} = {column} - 1 WHERE inbox_id = ? AND token = ? AND {column} > 0", keys
        )
        tx.executemany("DELETE FROM bayes_token WHERE inbox_id = ? AND token = ? AND ham = 0 AND spam = 0", keys)
    tx.execute(
        f"UPDATE bayes_inbox SET {column} = CASE WHEN {column} + ? > 0 THEN {column} + ? ELSE 0 END WHERE inbox_id = ?",
        (sign, sign, inbox_id),
    )


def _bound(tx: Transaction, inbox_id: int, added: int) -> None:
    """Prune an inbox that may hold too many tokens. Its own count is never too low, and put right when it matters."""
    (count,) = tx.one(
        "UPDATE bayes_inbox SET tokens = tokens + ? WHERE inbox_id = ? RETURNING tokens", (added, inbox_id)
    )
    if count <= MOST_TOKENS:
        return
    (count,) = tx.one("SELECT COUNT(*) FROM bayes_token WHERE inbox_id = ?", (inbox_id,))
    kept = int(MOST_TOKENS * KEPT_SHARE)
    if count > kept:
        tx.execute(
            "DELETE FROM bayes_token WHERE inbox_id = ? AND token IN (SELECT token FROM bayes_token "
            "WHERE inbox_id = ? ORDER BY ham + spam > 1, learned_at, token LIMIT ?)",
            (inbox_id, inbox_id, count - kept),
        )
    tx.execute("UPDATE bayes_inbox SET tokens = ? WHERE inbox_id = ?", (min(count, kept), inbox_id))
