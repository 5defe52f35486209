"""What an inbox has learned says how likely a message is junk (Robinson's and Fisher's combination of word odds)."""

import math
from collections.abc import Sequence

from mailserver.entities.verdict import Reason
from mailserver.storage import bayes
from mailserver.storage.bayes import Counts
from mailserver.storage.database import Snapshot

AT_LEAST = 20  # messages of each kind before anything is said
STRONGEST = 150  # tokens that count
MOST_INBOXES = 16  # of one message whose words are looked up
PRIOR_STRENGTH = 0.45  # how many messages the assumption for an unknown word weighs
PRIOR = 0.5
INTERESTING = 0.15  # away from the middle; what lies closer says nothing
FEWEST = 5  # interesting tokens before anything is said
SEASONED = 50  # messages of each kind from which on a sure word is enough for Junk by itself
SPAM_SCORE, SURE_SCORE, HAM_SCORE = 4.0, 5.2, -3.0
SURE_FROM = 0.99
SPAM_FROM, HAM_TO = 0.6, 0.4
_SMALLEST = -700.0  # of a logarithm that still has an exponential


def reasons(snapshot: Snapshot, inbox_ids: Sequence[int], tokens: Sequence[str]) -> dict[int, Reason]:
    """What each inbox's words say of a message, for those that have learned enough and have something to say."""
    found = {}
    for inbox_id in inbox_ids[:MOST_INBOXES]:
        counts = bayes.counts(snapshot, inbox_id, tokens, AT_LEAST)
        if counts is None:
            continue
        reason = judge(probability(counts), is_seasoned=min(counts.ham, counts.spam) >= SEASONED)
        if reason is not None:
            found[inbox_id] = reason
    return found


def probability(counts: Counts) -> float:
    """How likely a message is junk: 0 to 1, and 0.5 where nothing is known."""
    odds = []
    for ham, spam in counts.tokens:
        in_spam, in_ham = spam / counts.spam, ham / counts.ham
        if in_spam + in_ham == 0:
            continue
        number = ham + spam
        chance = (PRIOR_STRENGTH * PRIOR + number * in_spam / (in_spam + in_ham)) / (PRIOR_STRENGTH + number)
        if abs(chance - 0.5) >= INTERESTING:
            odds.append(min(max(chance, 0.0001), 0.9999))
    if len(odds) < FEWEST:
        return 0.5
    odds.sort(key=lambda chance: -abs(chance - 0.5))
    del odds[STRONGEST:]
    spam_side = 1.0 - _inverse_chi_square(-2.0 * sum(math.log(1.0 - chance) for chance in odds), len(odds))
    ham_side = 1.0 - _inverse_chi_square(-2.0 * sum(math.log(chance) for chance in odds), len(odds))
    return (spam_side - ham_side + 1.0) / 2.0


def judge(chance: float, *, is_seasoned: bool = False) -> Reason | None:
    """A probability as points; None in the middle, where it says nothing."""
    if chance >= SPAM_FROM:
        is_sure = is_seasoned and chance >= SURE_FROM
        score = SURE_SCORE if is_sure else SPAM_SCORE * (chance - SPAM_FROM) / (1.0 - SPAM_FROM)
        return Reason("BAYES_JUNK", round(score, 2), f"Its words are those of junk in this inbox ({chance:.0%}).")
    if chance <= HAM_TO:
        score = HAM_SCORE * (HAM_TO - chance) / HAM_TO
        return Reason("BAYES_WANTED", round(score, 2), f"Its words are those of wanted mail ({1 - chance:.0%}).")
    return None


def _inverse_chi_square(value: float, pairs: int) -> float:
    """The chance that a chi-square with 2 * pairs degrees of freedom is at least so large."""
    half = value / 2.0
    logarithm = -half  # of the term, so that large sums do not run out of the numbers' range
    terms = [logarithm]
    for index in range(1, pairs):
        logarithm += math.log(half) - math.log(index) if half > 0 else _SMALLEST
        terms.append(logarithm)
    top = max(terms)
    if top < _SMALLEST:
        return 0.0
    return min(math.exp(top) * sum(math.exp(term - top) for term in terms), 1.0)
