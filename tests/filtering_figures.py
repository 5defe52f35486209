"""How well the filter tells junk from wanted mail: `python -m tests.filtering_figures [letters of each kind]`.

Half of the made-up mail of tests/support/letters.py is learned, the other half judged: by the words alone, and by the
words with the signs of mail/spam_signs.py, as the filter adds them up without DNS and authentication.
"""

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from mailserver.entities import verdict
from mailserver.entities.verdict import Reason, Thresholds
from mailserver.services.filtering import bayes as words
from mailserver.services.filtering import content
from mailserver.storage import bayes, sqlite
from mailserver.storage.database import Database
from tests.support.letters import LANGUAGES, Letter, Writer

NOW = 1_795_255_200_000
INBOX = 1
SURE = 0.9


@dataclass
class Figures:
    """Counts of what was judged, for one way of judging."""

    right_junk: int = 0
    missed_junk: int = 0
    right_wanted: int = 0
    wrongly_junk: int = 0

    def add(self, letter: Letter, *, said_junk: bool) -> None:
        name = {
            (True, True): "right_junk", (True, False): "missed_junk",
            (False, False): "right_wanted", (False, True): "wrongly_junk",
        }[letter.is_junk, said_junk]  # fmt: skip
        setattr(self, name, getattr(self, name) + 1)

    @property
    def accuracy(self) -> float:
        return (self.right_junk + self.right_wanted) / max(1, self.total)

    @property
    def false_positives(self) -> float:
        return self.wrongly_junk / max(1, self.wrongly_junk + self.right_wanted)

    @property
    def caught(self) -> float:
        return self.right_junk / max(1, self.right_junk + self.missed_junk)

    @property
    def total(self) -> int:
        return self.right_junk + self.missed_junk + self.right_wanted + self.wrongly_junk

    def __str__(self) -> str:
        return (
            f"accuracy {self.accuracy:6.2%}, junk caught {self.caught:6.2%}, wanted mail called junk "
            f"{self.false_positives:6.2%} ({self.wrongly_junk} of {self.wrongly_junk + self.right_wanted})"
        )


@dataclass
class Measured:
    by_words: Figures = field(default_factory=Figures)
    by_score: Figures = field(default_factory=Figures)
    by_language: dict[str, Figures] = field(default_factory=dict)
    tokens: int = 0
    learn_ms: float = 0.0
    judge_ms: float = 0.0


async def measure(directory: Path, count: int, seed: int = 1, languages=LANGUAGES) -> Measured:
    """Learn half of twice `count` letters, judge the others."""
    letters = Writer(seed, languages).letters(count)
    half = len(letters) // 2
    raw = sqlite.connect(directory / "figures.db")
    sqlite.migrate(raw)
    measured = Measured(by_language={language: Figures() for language in LANGUAGES})
    async with Database(raw, lambda _: None).running() as database:
        started = time.process_time()
        await database.write(_learn, letters[:half])
        measured.learn_ms = (time.process_time() - started) * 1000 / half
        started = time.process_time()
        for letter in letters[half:]:
            await _judge(database, letter, measured)
        measured.judge_ms = (time.process_time() - started) * 1000 / half
        measured.tokens = (await database.read(lambda snapshot: snapshot.one("SELECT COUNT(*) FROM bayes_token")))[0]
    return measured


def _learn(tx, letters) -> None:
    for number, letter in enumerate(letters, 1):
        bayes.ask(tx, number, INBOX, letter.is_junk, NOW)
        wanted = bayes.SPAM if letter.is_junk else bayes.HAM
        reading = content.examine(letter.raw, NOW)
        assert bayes.learn(tx, bayes.Lesson(number, INBOX, wanted, bayes.NOTHING), reading.tokens, NOW)


async def _judge(database: Database, letter: Letter, measured: Measured) -> None:
    reading = content.examine(letter.raw, NOW)
    counts = await database.read(bayes.counts, INBOX, reading.tokens, words.AT_LEAST)
    chance = words.probability(counts) if counts else 0.5
    measured.by_words.add(letter, said_junk=chance >= SURE)
    measured.by_language[letter.language].add(letter, said_junk=chance >= SURE)
    is_seasoned = counts is not None and min(counts.ham, counts.spam) >= words.SEASONED
    own = words.judge(chance, is_seasoned=is_seasoned)
    reasons = (*(Reason(*sign) for sign in reading.signs), *((own,) if own else ()))
    measured.by_score.add(letter, said_junk=verdict.assess(reasons, Thresholds()).is_junk)


def cost(raw: bytes) -> float:
    """Milliseconds of CPU that reading, judging and cutting a message into tokens takes."""
    content.examine(raw, NOW)
    rounds = 30
    started = time.process_time()
    for _ in range(rounds):
        content.examine(raw, NOW)
    return (time.process_time() - started) * 1000 / rounds


def messages() -> dict[str, bytes]:
    """Messages whose cost is worth to know."""
    small = Writer(1).letters(1)[0].raw
    english = [letter.raw.partition(b"\r\n\r\n")[2] for letter in Writer(2, ("en",)).letters(300)]
    plain = b"\r\n".join(each for each in english if b"<html>" not in each)
    page = b"".join(each for each in english if b"<html>" in each)
    head = small.partition(b"Content-Type")[0]
    return {
        "1 KB": small,
        "50 KB of text": head + b"Content-Type: text/plain\r\n\r\n" + (plain * 2)[:50_000],
        "50 KB of HTML": head + b"Content-Type: text/html\r\n\r\n" + (page * 2)[:50_000],
        "50 MB": head + b"Content-Type: text/plain\r\n\r\n" + plain * (50_000_000 // len(plain)),
    }


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for name, learned, languages in (
        ("one language", count // 5, ("en",)), ("seven languages", count, LANGUAGES),
        ("seven languages", 3 * count, LANGUAGES),
    ):  # fmt: skip
        with tempfile.TemporaryDirectory() as directory:
            measured = asyncio.run(measure(Path(directory), learned, languages=languages))
        print(f"{name}: {learned} letters learned, {learned} judged; {measured.tokens:,} tokens kept:")
        print(f"  by its words:           {measured.by_words}")
        print(f"  by its words and signs: {measured.by_score}")
        print(f"  CPU: {measured.learn_ms:.2f} ms to learn one, {measured.judge_ms:.2f} ms to judge one")
    for language, figures in measured.by_language.items():
        print(f"  {language}: {figures}")
    for name, raw in messages().items():
        print(f"CPU of a message of {name}: {cost(raw):.2f} ms")


if __name__ == "__main__":
    main()
