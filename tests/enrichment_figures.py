"""How well labels are suggested, and how true their confidence is: `python -m tests.enrichment_figures [inboxes]`.

Each inbox of made-up mail (tests/support/topics.py) has three to six labels, taught by one to fifteen letters each;
then twenty more letters come in, many about none of the labels. `--fit` works the weights of
services/enrichment/vote.py out again, on inboxes that the figures are not measured on.
"""

import asyncio
import math
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from mailserver.services.enrichment import letter, vote
from mailserver.services.enrichment import neighbours as asking
from mailserver.services.enrichment.vote import Votes
from mailserver.storage import neighbours, sqlite
from mailserver.storage.database import Database
from tests.support.topics import Postbag

COMING = 20
BINS = 10
LIKELY = 0.3
FITTED_ON = 1_000  # seeds from here on are for fitting, those below for measuring


@dataclass
class Figures:
    """Every label that a vote was held on, with what came out, whether it was right, and what was missed."""

    judged: list[tuple[Votes, float, bool]] = field(default_factory=list)
    suggested: int = 0
    right: int = 0
    wanted: int = 0
    milliseconds: float = 0.0
    letters: int = 0

    @property
    def precision(self) -> float:
        return self.right / max(1, self.suggested)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.wanted)

    def bins(self) -> list[tuple[int, float, float]]:
        """How many votes fell into each tenth of confidence, their mean confidence, and the share that was right."""
        found = []
        for number in range(BINS):
            inside = [(value, good) for _, value, good in self.judged if min(int(value * BINS), BINS - 1) == number]
            if inside:
                mean = sum(value for value, _ in inside) / len(inside)
                found.append((len(inside), mean, sum(good for _, good in inside) / len(inside)))
        return found

    @property
    def error(self) -> float:
        """How far confidence and truth lie apart on average (expected calibration error)."""
        return sum(count * abs(mean - share) for count, mean, share in self.bins()) / max(1, len(self.judged))


async def measure(directory: Path, inboxes: int, first_seed: int = 1) -> Figures:
    """Teach, then ask."""
    raw = sqlite.connect(directory / "figures.db")
    sqlite.migrate(raw)
    figures = Figures()
    async with Database(raw, lambda _: None).running() as database:
        for seed in range(first_seed, first_seed + inboxes):
            bag = Postbag(seed)
            await database.write(_teach, seed, bag)
            for coming in bag.coming(COMING):
                started = time.process_time()
                words = neighbours.hashed(seed, letter.recognised(coming.raw))
                votes = await database.read(_ballot, seed, words)
                figures.milliseconds += (time.process_time() - started) * 1000
                _count(figures, bag, coming.topic, votes)
    return figures


def _teach(tx, inbox_id: int, bag: Postbag) -> None:
    for number, (taught, label) in enumerate(bag.taught()):
        message_id = inbox_id * 10_000 + number
        tx.execute(
            "INSERT INTO message(id, inbox_id, tenant_id, thread_id, blob, header_hash, size, received_at, updated_at, "
            "created_modseq, modseq) VALUES (?, ?, 1, ?, x'', 0, 1, 1, 1, 1, 1)",
            (message_id, inbox_id, message_id),
        )
        tx.execute("INSERT INTO message_label VALUES (?, ?, 1, ?)", (_label(bag, label), inbox_id, message_id))
        neighbours.add(tx, inbox_id, message_id, neighbours.hashed(inbox_id, letter.recognised(taught.raw)))


def _label(bag: Postbag, topic: str) -> int:
    return bag.labelled.index(topic) + 1


def _ballot(snapshot, inbox_id: int, words: tuple[str, ...]) -> dict[int, Votes]:
    near = neighbours.nearest(snapshot, words, 0, asking.NEAREST)
    every = {word for each in near for word in each.words}.union(words)
    frequencies, total = neighbours.frequencies(snapshot, every), neighbours.count(snapshot, inbox_id)
    return vote.ballot(frozenset(words), near, frequencies, total)


def _count(figures: Figures, bag: Postbag, topic: str, votes: dict[int, Votes]) -> None:
    right = _label(bag, topic) if topic in bag.labelled else None
    figures.letters += 1
    figures.wanted += right is not None
    for label, each in votes.items():
        value = vote.confidence(each)
        figures.judged.append((each, value, label == right))
        if value >= vote.LEAST:
            figures.suggested += 1
            figures.right += label == right


def fit(figures: Figures, rounds: int = 3_000, rate: float = 1.0) -> tuple[float, ...]:
    """The weights of a logistic regression over share, likeness and the logarithm of the count."""
    rows = [
        ((1.0, v.share, v.likeness, math.log(v.count)), float(good))
        for v, _, good in figures.judged
        if v.share >= LIKELY  # the others are never suggested, and are so many that the fit would be theirs
    ]
    weights = [0.0] * 4
    for _ in range(rounds):
        gradient = [0.0] * 4
        for values, good in rows:
            off = 1 / (1 + math.exp(-sum(w * x for w, x in zip(weights, values, strict=True)))) - good
            for index, value in enumerate(values):
                gradient[index] += off * value
        weights = [w - rate * g / len(rows) for w, g in zip(weights, gradient, strict=True)]
    return tuple(round(weight, 2) for weight in weights)


def main() -> None:
    """Print the figures."""
    is_fitting = "--fit" in sys.argv
    numbers = [int(each) for each in sys.argv[1:] if each.isdigit()]
    with tempfile.TemporaryDirectory() as place:
        figures = asyncio.run(measure(Path(place), *(numbers or [150]), first_seed=FITTED_ON if is_fitting else 1))
    if is_fitting:
        print("weights", fit(figures))
    print(f"{figures.letters} letters, {figures.wanted} with a label; {figures.suggested} suggestions")
    print(f"right {figures.precision:.1%}, found {figures.recall:.1%}, calibration error {figures.error:.3f}")
    print(f"{figures.milliseconds / figures.letters:.2f} ms a letter")
    for count, mean, share in figures.bins():
        print(f"  said {mean:.2f}  true {share:.2f}  ({count})")


if __name__ == "__main__":
    main()
