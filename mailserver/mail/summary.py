"""What a conversation was about, in its own words: two or three sentences, what was decided, who is to do what.

Nothing is invented. Sentences are taken as they were written, those that speak most of what the whole speaks of;
decisions and things to do are found by their phrases.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.mail import cues, sentences, stop_words
from mailserver.mail.address import Person

MOST_TURNS = 60
MOST_SENTENCES = 600
CHOSEN = 3
MOST_DECISIONS = 10
MOST_ITEMS = 20
LONGEST_ACTION = 250
NOBODY = "?"  # who wrote a letter that names no author
_WORD = re.compile(r"[^\W\d_][\w'-]{2,40}")
_LAST = 2  # turns that say how a conversation ended


@dataclass(frozen=True, slots=True)
class Turn:
    """A letter of a conversation: its own words only."""

    author: Person
    to: tuple[Person, ...]
    text: str


@dataclass(frozen=True, slots=True)
class ActionItem:
    """What somebody has to do; the owner is an address, or a name."""

    owner: str
    action: str


@dataclass(frozen=True, slots=True)
class Digest:
    """What a conversation was about."""

    summary: str
    decisions: tuple[str, ...]
    action_items: tuple[ActionItem, ...]
    is_resolved: bool


@dataclass(frozen=True, slots=True)
class _Said:
    turn: int
    place: int
    text: str
    words: frozenset[str]


def summarise(subject: str, turns: Sequence[Turn]) -> Digest:
    """Say what a conversation was about."""
    turns = turns[-MOST_TURNS:]
    said = _said(turns)
    return Digest(
        _chosen(subject, turns, said),
        tuple(_unique(each.text for each in said if _is_decision(each.text)))[:MOST_DECISIONS],
        _items(turns, said),
        is_resolved(turns),
    )


def is_resolved(turns: Sequence[Turn]) -> bool:
    """Whether one of the last letters settles the matter, and nothing behind that opens it again."""
    resolved = False
    for turn in turns[-_LAST:]:
        for sentence in sentences.split(turn.text):
            if cues.UNSETTLED.search(sentence) or sentence.endswith("?"):
                resolved = False
            elif cues.SETTLED.search(sentence):
                resolved = True
    return resolved


def name(person: Person) -> str:
    """What a person is called in a summary."""
    return (person.name or person.address.partition("@")[0]).strip()[:60]


def _owner(person: Person) -> str:
    return person.address or name(person)


def _said(turns: Sequence[Turn]) -> list[_Said]:
    found: list[_Said] = []
    for number, turn in enumerate(turns):
        for place, text in enumerate(sentences.split(turn.text)):
            found.append(_Said(number, place, text, _words(text)))
    return found[-MOST_SENTENCES:]


def _words(text: str) -> frozenset[str]:
    return frozenset(word for word in _WORD.findall(text.casefold()) if word not in stop_words.WORDS)


def _chosen(subject: str, turns: Sequence[Turn], said: Sequence[_Said]) -> str:
    """The sentences that share most with the others, each time without what was said already, in their order."""
    about = _words(subject)
    counts = Counter(word for each in said for word in each.words)
    left = [each for each in said if len(each.words) >= 3] or list(said)
    picked: list[_Said] = []
    while left and len(picked) < CHOSEN:
        best = max(left, key=lambda each: _rank(each, counts, about, len(turns), {one.turn for one in picked}))
        picked.append(best)
        for word in best.words:
            counts[word] = 0
        left = [each for each in left if each is not best and len(each.words - best.words) * 2 > len(each.words)]
    picked.sort(key=lambda each: (each.turn, each.place))
    lines = [f"{name(turns[each.turn].author) or NOBODY}: {_ended(each.text)}" for each in picked]
    return " ".join(lines) or _ended(subject.strip()[: sentences.LONGEST])


def _rank(
    each: _Said, counts: Counter[str], about: frozenset[str], turns: int, heard: set[int]
) -> tuple[float, int, int]:
    """How much a sentence says; somebody who was heard already comes behind those who were not."""
    score = _score(each, counts, about, turns)
    return score * (0.6 if each.turn in heard else 1.0), -each.turn, -each.place


def _score(each: _Said, counts: Counter[str], about: frozenset[str], turns: int) -> float:
    weight = sum(counts[word] * (2.0 if word in about else 1.0) for word in each.words)
    score = weight / (len(each.words) + 4)
    if each.place == 0:
        score *= 1.3  # people come to the point first
    if each.turn in (0, turns - 1):
        score *= 1.3  # what it began with, and how it stands
    if _is_decision(each.text) or cues.SETTLED.search(each.text):
        score *= 1.5
    return score


def _ended(text: str) -> str:
    return text if not text or text[-1] in ".!?…" else f"{text.rstrip(',;:')}."


def _is_decision(sentence: str) -> bool:
    if sentence.endswith("?") or cues.UNSETTLED.search(sentence):
        return False
    return cues.DECIDED.search(sentence) is not None


def _items(turns: Sequence[Turn], said: Sequence[_Said]) -> tuple[ActionItem, ...]:
    people = {_key(word): _owner(person) for turn in turns for person in (turn.author, *turn.to)
              for word in (*name(person).split(), name(person))}  # fmt: skip
    found: dict[str, ActionItem] = {}
    for each in said:
        item = _item(each.text, turns[each.turn], people)
        if item is not None:
            found.setdefault(item.action.casefold(), item)
    return tuple(found.values())[-MOST_ITEMS:]


def _item(sentence: str, turn: Turn, people: dict[str, str]) -> ActionItem | None:
    """What a sentence asks or promises, and who is meant: by name, the writer himself, or whom he writes to."""
    if cues.IDLE.search(sentence):
        return None
    labelled = cues.LABELLED.match(sentence)
    if labelled:
        sentence = labelled["rest"]
    named = cues.NAMED.match(sentence)
    if named and _key(named["name"]) in people:
        return _made(people[_key(named["name"])], named["rest"])
    first, comma, rest = sentence.partition(",")
    called = people.get(_key(first.removeprefix("@"))) if comma and len(first) < 40 else None
    promised = cues.PROMISED.search(sentence)
    if promised and not sentence.endswith("?"):
        return _made(_owner(turn.author), sentence[promised.start("cue") :], cues.PROMISED)
    asked = cues.ASKED.search(rest if called else sentence)
    if asked:
        to = called or (_owner(turn.to[0]) if len(turn.to) == 1 else None)
        owner = to or ", ".join(name(person) for person in turn.to[:3])
        return _made(owner, (rest if called else sentence)[asked.start("cue") :], cues.ASKED) if owner else None
    return _made(_owner(turn.author), sentence) if labelled else None


def _made(owner: str, text: str, cue: re.Pattern[str] | None = None) -> ActionItem | None:
    found = cue.match(text) if cue else None
    action = (text[found.end() :] if found and _drops(found["cue"]) else text).strip(" ,:;\u2013-")
    action = action.rstrip(".!? ")[:LONGEST_ACTION].strip()
    return ActionItem(owner, action[0].upper() + action[1:]) if owner and len(action) > 2 else None


def _drops(cue: str) -> bool:
    """Whether a phrase only says that something is to be done: a German or French verb in it says what."""
    plain = cue.casefold()
    return not plain.startswith(("ich ", "je ", "yo ", "me ", "te ", "le ", "os ")) or plain in ("ich werde", "je vais")


def _key(text: str) -> str:
    return text.strip().casefold()


def _unique(texts: Iterable[str]) -> list[str]:
    return list({text.casefold(): text for text in texts}.values())
