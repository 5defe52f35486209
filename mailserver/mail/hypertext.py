"""The words of an HTML body, for previews and for search."""

import re

from selectolax.lexbor import LexborHTMLParser

MAX_LENGTH = 512 * 1024
_SILENT = ["script", "style", "head", "title", "template", "noscript", "svg", "math", "object", "iframe"]
_BLOCK = re.compile(
    r"<(?=/?(?:p|div|br|tr|td|th|li|ul|ol|table|h[1-6]|hr|pre|blockquote|section|article|header|footer|center)\b)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*+>")
_DEPTH = 2_000  # more open tags than this and the tree is not built: no reader shows such a message either
_OPEN = re.compile(r"<[A-Za-z]")
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")


def to_text(html: str) -> str:
    """Read the visible text, a line for each block. Only the first 512 K characters are looked at."""
    source = _BLOCK.sub("\n<", html[:MAX_LENGTH])
    text = _TAG.sub("", source) if _is_deep(source) else _visible(source)
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def _visible(source: str) -> str:
    tree = LexborHTMLParser(source)
    tree.strip_tags(_SILENT)
    root = tree.body or tree.root
    return root.text(separator="") if root is not None else ""


def _is_deep(source: str) -> bool:
    """Whether the tags could nest too deep. Counting what is open is enough: nesting needs tags that are not closed."""
    opened = len(_OPEN.findall(source))
    return opened > _DEPTH and opened - source.count("</") > _DEPTH
