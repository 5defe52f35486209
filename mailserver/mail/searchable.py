"""Text as a search index keeps it, and as it is looked for.

An index keeps tokens, and folds case and Latin accents itself. Two things are left to do. Greek is written with
accents and typed without. And some scripts put no space between words: a Chinese sentence would be one token, found
only as a whole. So of a run of such letters each pair of neighbours becomes a token, and the last letter alone:
東京都 is 東京, 京都 and 都. What is looked for is cut the same way, and its pairs must stand one behind the other.
"""

import re
import unicodedata
from collections.abc import Callable

# Thai, Lao, Tibetan, Myanmar; Khmer; kana, Bopomofo and ideographs; Hangul, whose words take endings
_RUN = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
_GREEK = re.compile("[\u0370-\u03ff\u1f00-\u1fff]+")


def indexed(text: str) -> str:
    """Text as the index keeps it."""
    return text if text.isascii() else _RUN.sub(_spaced(with_last=True), _plain(text))


def sought(text: str) -> str:
    """Text as it is looked for; a single letter of such a script begins a pair (`is_single`)."""
    return text if text.isascii() else _RUN.sub(_spaced(with_last=False), _plain(text))


def is_single(text: str) -> bool:
    """Whether what is looked for is one letter of a script without spaces."""
    return len(text) == 1 and _RUN.fullmatch(text) is not None


def _plain(text: str) -> str:
    return _GREEK.sub(_without_accents, unicodedata.normalize("NFKC", text))


def _without_accents(found: re.Match[str]) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", found[0]) if not unicodedata.combining(letter))


def _spaced(*, with_last: bool) -> Callable[[re.Match[str]], str]:
    def write(found: re.Match[str]) -> str:
        run = found[0]
        if len(run) == 1:
            return f" {run} "
        pairs = [run[place : place + 2] for place in range(len(run) - 1)]
        return f" {' '.join([*pairs, run[-1]] if with_last else pairs)} "

    return write
