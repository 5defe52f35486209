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
_DEPTH = 2_000  # deeper than this and the tree is not built: no reader shows such a message either
_STEP = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})")
_NEVER_DEEP = frozenset({"br", "img", "hr", "meta", "link", "input", "p", "li", "td", "th", "tr", "option", "dt", "dd"})
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")


def to_text(html: str) -> str:
    """Read the visible text, a line for each block. Only the first 512 K characters are looked at."""
    source = _BLOCK.sub("\n<", html[:MAX_LENGTH])
    if is_deep(source):
        return _tidy(_TAG.sub("", source))
    return visible(LexborHTMLParser(source))


def tree(html: str) -> LexborHTMLParser | None:
    """Read the elements, a line break before each block, for `visible`; None where they nest too deep."""
    source = _BLOCK.sub("\n<", html[:MAX_LENGTH])
    return None if is_deep(source) else LexborHTMLParser(source)


def visible(elements: LexborHTMLParser) -> str:
    """Read the text that a reader sees. What is never shown is taken out of the tree."""
    elements.strip_tags(_SILENT)
    root = elements.body or elements.root
    return _tidy(root.text(separator="") if root is not None else "")


def _tidy(text: str) -> str:
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def is_deep(source: str) -> bool:
    """Whether elements nest too deep, closing tags that close nothing not counted."""
    if source.count("<") < _DEPTH:
        return False
    opened: dict[str, int] = {}
    depth = 0
    for step in _STEP.finditer(source):
        is_closing, name = step[1], step[2].lower()
        if name in _NEVER_DEEP:
            continue
        if not is_closing:
            opened[name] = opened.get(name, 0) + 1
            depth += 1
            if depth > _DEPTH:
                return True
        elif opened.get(name, 0):
            opened[name] -= 1
            depth -= 1
    return False
