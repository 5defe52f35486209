"""Where the words that were looked for stand in a text: short pieces of it, each word between `**`."""

import html
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


def marked(text: str, phrases: Sequence[str], most_octets: int) -> str | None:
    """One piece of a text as HTML, `<mark>` around each phrase, around the first place of one (RFC 8621 5).

    None where none stands there. The piece has at most so many octets, its marks included.
    """
    pattern = _pattern(phrases)
    source = text[:LOOKED_AT]
    first = pattern.search(source) if pattern is not None else None
    if pattern is None or first is None:
        return None
    start = 0 if first.start() < AROUND else _word_start(source, first.start() - AROUND)
    written: list[str] = []
    left = most_octets
    position = start
    for match in pattern.finditer(source, start):
        left = _write(written, source[position : match.start()], left)
        word = html.escape(match[0])
        if left < len(word.encode()) + len("<mark></mark>"):
            return "".join(written)
        written.append(f"<mark>{word}</mark>")
        left -= len(written[-1].encode())
        position = match.end()
    _write(written, source[position:], left)
    return "".join(written)


def _write(written: list[str], text: str, left: int) -> int:
    """Write as much of a text as there is room for, in one line; the room that is left, 0 where it was cut."""
    for letter in re.sub(r"\s+", " ", text[: left + 1]):
        escaped = html.escape(letter)
        size = len(escaped.encode("utf-8", "replace"))
        if size > left:
            return 0
        written.append(escaped)
        left -= size
    return left


def _word_start(text: str, position: int) -> int:
    space = text.find(" ", position, position + AROUND // 2)
    return position if space < 0 else space + 1


def _pattern(phrases: Sequence[str]) -> re.Pattern[str] | None:
    choices = []
    for phrase in phrases:
        words = [re.escape(word) for word in _WORD.findall(phrase)]
        if words:
            choices.append(r"\W{1,5}".join(words) + (r"\w{0,40}" if phrase.endswith("*") else r"(?!\w)"))
    return re.compile(rf"(?<!\w)(?:{'|'.join(choices)})", re.IGNORECASE) if choices else None
