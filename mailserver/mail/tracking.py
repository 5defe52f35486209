"""Change the links of an HTML body and put something at its end; every other letter stays as it is.

Read as the HTML standard says (13.2.5, tokenization), one step forwards for each letter, whatever a stranger wrote: no
tree is built, and nothing is written again that is not changed.
"""

import html as entities
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from html.entities import html5

LONGEST_URL = 8000
_NAME = re.compile(r"[A-Za-z][^ \t\n\f\r/>]*")
_BLANKS = re.compile(r"[ \t\n\f\r/]*")
_SPACE = re.compile(r"[ \t\n\f\r]*")
_ATTRIBUTE = re.compile(r"=?[^ \t\n\f\r/>=]*")
_BARE = re.compile(r"[^ \t\n\f\r>]*")
_IN_SCRIPT = re.compile(r"<!--|-->|</?script(?=[ \t\n\f\r/>])", re.IGNORECASE)
_COMMENT_END = re.compile(r"--!?>")
_REFERENCE = re.compile(r"&(#[0-9]{1,8};?|#[xX][0-9a-fA-F]{1,8};?|[A-Za-z][A-Za-z0-9]{0,40};?)")
_HIDDEN_IN_URLS = re.compile(r"[\t\r\n]")
_SAFE = "%/:=&?~#+!$,;'@()*[]"
_RAW = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
_CLOSING = {name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in _RAW - {"script"}}
_LINKED = frozenset({"a", "area"})


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the value of an href stands, with its quotes, and what it says."""

    start: int
    end: int
    url: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What one pass has found; `foot` is where something may be put at the end."""

    targets: tuple[_Target, ...]
    foot: int


def rewrite(source: str, replace: Callable[[str], str | None], foot: str) -> str:
    """Give links to http and https another target where `replace` has one for them, and put `foot` before the end.

    What is not closed at the end, such as a comment, would swallow the foot: it is put before that.
    """
    found = _read(source)
    pieces: list[str] = []
    done = 0
    for target in found.targets:
        if target.end > found.foot and done <= found.foot:
            pieces += (source[done : found.foot], foot)
            done, foot = found.foot, ""
        new = replace(target.url) if is_followed(target.url) else None
        if new is not None:
            pieces += (source[done : target.start], '"', entities.escape(new), '"')
            done = target.end
    if foot:
        pieces += (source[done : found.foot], foot)
        done = found.foot
    return "".join([*pieces, source[done:]])


def is_followed(url: str) -> bool:
    """Whether a link leads to a page of the web, by its whole address."""
    return len(url) <= LONGEST_URL and url[:8].lower().startswith(("http://", "https://"))


def location(url: str) -> str:
    """The link as it may stand in a Location field: printable ASCII alone (RFC 3986 2)."""
    return urllib.parse.quote(url, safe=_SAFE)


def _read(source: str) -> _Read:
    targets: list[_Target] = []
    body_end, sound = -1, 0
    at = source.find("<")
    while at >= 0:
        end = _tag(source, at, targets)
        if end is None:
            return _Read(tuple(targets), body_end if body_end >= 0 else at)
        name = _NAME.match(source, at + 1)
        if source.startswith("</body", at) or source[at : at + 6].lower() == "</body":
            body_end = at
        sound = end
        if name is not None and name[0].lower() == "plaintext":
            return _Read(tuple(targets), at)
        if name is not None and name[0].lower() in _RAW:
            closed = _closing(source, end, name[0].lower())
            if closed is None:
                return _Read(tuple(targets), body_end if body_end >= 0 else at)
            sound = closed
        at = source.find("<", sound)
    return _Read(tuple(targets), body_end if body_end >= 0 else len(source))


def _closing(source: str, at: int, name: str) -> int | None:
    """Where the closing tag of an element stands that has no elements in it; None where there is none."""
    if name != "script":
        found = _CLOSING[name].search(source, at)
        return found.start() if found else None
    is_comment = is_script_in_it = False  # a comment in a script may have scripts in it: 13.2.5.17 to 13.2.5.31
    while (found := _IN_SCRIPT.search(source, at)) is not None:
        at = found.end()
        match found[0].lower():
            case "<!--":
                is_comment, at = True, found.start() + 2  # its dashes may be those of its end
            case "-->":
                is_comment = is_script_in_it = False
            case "<script":
                is_script_in_it = is_comment
            case _ if is_script_in_it:
                is_script_in_it = False
            case _:
                return found.start()
    return None


def _tag(source: str, at: int, targets: list[_Target]) -> int | None:
    """Read what begins with a `<`; where it ends, None where it does not."""
    after = source[at + 1 : at + 2]
    if after.isascii() and after.isalpha():
        return _element(source, at + 1, targets)
    if after == "/" and source[at + 2 : at + 3].isascii() and source[at + 2 : at + 3].isalpha():
        return _element(source, at + 2, None)
    if source.startswith("<!--", at):
        if source.startswith((">", "->"), at + 4):
            return source.index(">", at + 4) + 1
        found = _COMMENT_END.search(source, at + 4)
        return found.end() if found else None
    if after in ("!", "?", "/"):
        end = source.find(">", at + 1)
        return end + 1 if end >= 0 else None
    return at + 1


def _element(source: str, at: int, targets: list[_Target] | None) -> int | None:
    name = _NAME.match(source, at)
    at = name.end() if name else at
    wanted = targets if name is not None and name[0].lower() in _LINKED else None
    while True:
        at = _end(_BLANKS, source, at)
        if at >= len(source):
            return None
        if source[at] == ">":
            return at + 1
        attribute = _ATTRIBUTE.match(source, at)
        assert attribute is not None
        at = _end(_SPACE, source, attribute.end())
        if source[at : at + 1] != "=":
            continue
        at = _end(_SPACE, source, at + 1)
        end = _value_end(source, at)
        if end is None:
            return None
        if wanted is not None and attribute[0].lower() == "href":
            value = source[at + 1 : end - 1] if source.startswith(("'", '"'), at) else source[at:end]
            wanted.append(_Target(at, end, _decoded(value)))
            wanted = None  # a second one counts for nobody
        at = end


def _value_end(source: str, at: int) -> int | None:
    quote = source[at : at + 1]
    if quote not in {'"', "'"}:
        return _end(_BARE, source, at)
    closed = source.find(quote, at + 1)
    return closed + 1 if closed >= 0 else None


def _end(pattern: re.Pattern[str], source: str, at: int) -> int:
    found = pattern.match(source, at)
    return found.end() if found else at


def _decoded(value: str) -> str:
    """The URL that a browser reads out of an attribute."""
    text = _REFERENCE.sub(lambda found: _letter(found, value), value)
    return _HIDDEN_IN_URLS.sub("", text.strip(" \t\r\n\f"))


def _letter(found: re.Match[str], value: str) -> str:
    """A character reference in an attribute: without its semicolon, `&copy=1` is the name of a parameter."""
    name = found[1]
    if name.startswith("#"):
        return entities.unescape(found[0])
    if name.endswith(";") or value[found.end() : found.end() + 1] != "=":
        return html5.get(name, found[0])
    return found[0]
