"""Where the words that were looked for stand in a text: short pieces of it, each word between `**`."""

import re
from collections.abc import Sequence

MOST = 3  # pieces of one text
AROUND = 60  # characters on either side
LOOKED_AT = 200_000
_WORD = re.compile(r"\w+")


def pieces(text: str, phrases: Sequence[str]) -> list[str]:
    """Pieces around the first places where one of the phrases stands; none where none does. `*` ends a beginning."""
    pattern = _pattern(phrases)
    if pattern is None:
        return []
    source, found, last = text[:LOOKED_AT], [], 0
    for match in pattern.finditer(source):
        if match.start() < last:
            continue
        start, end = max(match.start() - AROUND, 0), min(match.end() + AROUND, len(source))
        piece = pattern.sub(lambda each: f"**{each[0]}**", source[start:end])
        found.append(" ".join(piece.split()))
        last = end
        if len(found) == MOST:
            break
    return found


def _pattern(phrases: Sequence[str]) -> re.Pattern[str] | None:
    choices = []
    for phrase in phrases:
        words = [re.escape(word) for word in _WORD.findall(phrase)]
        if words:
            choices.append(r"\W{1,5}".join(words) + (r"\w{0,40}" if phrase.endswith("*") else r"(?!\w)"))
    return re.compile(rf"(?<!\w)(?:{'|'.join(choices)})", re.IGNORECASE) if choices else None
