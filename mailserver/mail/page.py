"""An HTML body as a filter sees it: its words, links and pictures, and what is hidden from the reader."""

import re
from dataclasses import dataclass

from mailserver.mail import hypertext

MAX_LENGTH = 128 * 1024
MOST_LINKS = 300
MOST_HIDDEN = 50
_TEXT_BUDGET = 512 * 1024  # characters of element texts that are looked at in all: elements may nest
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0*(?:\.0+)?(?:[01]?px|pt|em|%)?\s*(?:;|!|$)"
    r"|opacity\s*:\s*0*(?:\.0+)?\s*(?:;|!|$)|text-indent\s*:\s*-\d{3,}|mso-hide\s*:\s*all",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads and what it shows."""

    target: str
    shown: str


@dataclass(frozen=True, slots=True)
class Page:
    """What an HTML body holds."""

    text: str
    links: tuple[Link, ...]
    images: int
    hidden_letters: int


EMPTY = Page("", (), 0, 0)


def read(html: str) -> Page:
    """Read the first 128 K characters. One that nests absurdly deep has its text and nothing else."""
    source = html[:MAX_LENGTH]
    tree = hypertext.tree(source)
    if tree is None:
        return Page(hypertext.to_text(source), (), 0, 0)
    budget = _TEXT_BUDGET
    links = []
    for node in tree.css("a[href]")[:MOST_LINKS]:
        shown = node.text() if budget > 0 else ""
        budget -= len(shown)
        links.append(Link((node.attributes.get("href") or "")[:1000], shown[:300]))
    hidden = 0
    covered: list[object] = []
    for node in tree.css("[style]"):
        if budget <= 0 or len(covered) >= MOST_HIDDEN:
            break
        if _HIDING.search((node.attributes.get("style") or "")[:500]):
            covered.append(node)
            text = node.text()
            budget -= len(text) + 100
            hidden += sum(map(len, text.split()))
    images = len(tree.css("img"))
    return Page(hypertext.visible(tree), tuple(links), images, hidden)
