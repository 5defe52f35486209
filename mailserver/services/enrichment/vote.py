"""What like messages say of a message's labels, and how sure that is.

Each neighbour votes with the square of its likeness. Share, likeness and number of the votes for a label become a
confidence by weights that were fitted so that of the suggestions with confidence p the share p is right:
docs/enrichment.md has the figures, tests/enrichment_figures.py measures and fits again.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mailserver.storage.neighbours import Neighbour

LIKE = 0.6  # from here on two messages are of one kind
DISMISSED_WEIGHT = 2.0
NOBODY = 0.06  # votes that nobody gave: a neighbour of likeness a quarter, so that few and far ones decide little
LEAST = 0.5  # less sure than this is not suggested
MOST_SUGGESTED = 3
WEIGHTS = (-3.61, 10.44, 5.09, -2.16)


@dataclass(frozen=True, slots=True)
class Votes:
    """What speaks for a label: its share of all votes, the likest message that has it, how many have it."""

    share: float
    likeness: float
    count: int


def suggest(
    words: AbstractSet[str], near: Sequence[Neighbour], frequencies: Mapping[str, int], total: int
) -> dict[int, float]:
    """The labels that fit, with the confidence of each; at most three, none that is not more likely right than not."""
    found = {label: confidence(votes) for label, votes in ballot(words, near, frequencies, total).items()}
    sure = sorted(((value, label) for label, value in found.items() if value >= LEAST), reverse=True)
    return {label: round(value, 2) for value, label in sure[:MOST_SUGGESTED]}


def ballot(
    words: AbstractSet[str], near: Sequence[Neighbour], frequencies: Mapping[str, int], total: int
) -> dict[int, Votes]:
    """The votes for every label that a neighbour has.

    One that was dismissed for a message of this kind, and not confirmed for a later one, has none.
    """
    alike = [(likeness(words, each.words, frequencies, total), each) for each in near]
    found = {}
    for label in {label for each in near for label in each.labels}:
        pro = [like for like, each in alike if label in each.labels]
        con = [like for like, each in alike if label not in each.labels and each.labels]
        off = [like for like, each in alike if label in each.dismissed and label not in each.labels]
        if _is_dismissed(label, alike):
            continue
        support = sum(like * like for like in pro)
        against = sum(like * like for like in con) + DISMISSED_WEIGHT * sum(like * like for like in off)
        if support > 0:
            found[label] = Votes(support / (support + against + NOBODY), max(pro), len(pro))
    return found


def likeness(one: AbstractSet[str], other: AbstractSet[str], frequencies: Mapping[str, int], total: int) -> float:
    """How much two messages share of their words, rare ones counting more: the cosine of their weights, 0 to 1."""

    def square(words: AbstractSet[str]) -> float:
        return (
            sum(math.log((total + 1) / min(frequencies.get(word, 1), total)) ** 2 for word in words) if total else 0.0
        )

    whole = math.sqrt(square(one) * square(other))
    return square(one & other) / whole if whole else 0.0


def confidence(votes: Votes) -> float:
    """How likely a label is right."""
    base, share, like, count = WEIGHTS
    return 1 / (1 + math.exp(-(base + share * votes.share + like * votes.likeness + count * math.log(votes.count))))


def _is_dismissed(label: int, alike: Sequence[tuple[float, Neighbour]]) -> bool:
    """Whether the last word on messages of this kind was no."""
    kind = [each for like, each in alike if like >= LIKE and (label in each.labels or label in each.dismissed)]
    if not kind:
        return False
    return label not in max(kind, key=lambda each: each.message_id).labels
