"""Address lists of header fields, as strangers write them (RFC 5322 3.4, obsolete forms of 4.4)."""

import re

from mailserver.mail import charset, words
from mailserver.mail.address import Person

MAX_PEOPLE = 2_000
MAX_LENGTH = 128 * 1024
_SPEC = rb"[^<>\s\"\\,;:()@]++@[^<>\s\"\\,;:()@\[\]]++"
_ONE = re.compile(rb"(?:\"([^\"\\<>=\r\n]*+)\"\s*+|([^\"\\<>=,;:()@\r\n\[\]]*+))<(" + _SPEC + rb")>")
_BARE = re.compile(_SPEC)
_TOKEN = re.compile(
    r"""(?P<space>\s++)
    |(?P<encoded>=\?[^?\s]{1,128}\?[bBqQ]\?[^?]*+\?=)
    |(?P<angle><(?:[^<>"]*+|\s*"(?:[^"\\]|\\.){0,128}"@[^<>"]*+)>)
    |(?P<literal>\[[^\[\]\\]{0,255}\])
    |(?P<mark>[,;:<>"()\[\]\\])
    |(?P<atom>[^\s<>"(),;:\[\]\\=]++|=)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_COMMENT_STEP = re.compile(r"[^()\\]++|\\.|[()]", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def parse(value: bytes | None) -> tuple[Person, ...]:
    """Read an address list. Groups are flattened; what has no address is left out; 2,000 people at most."""
    if not value:
        return ()
    value = value.strip()
    one = _ONE.fullmatch(value)
    if one is not None and value.isascii():
        name = (one[1] if one[1] is not None else one[2] or b"").decode("ascii").strip()
        return (Person(_clean(one[3].decode("ascii")), " ".join(_clean(name).split()) or None),)
    bare = _BARE.fullmatch(value)
    if bare is not None:
        return (Person(_clean(charset.guess(bare[0]))),)
    return _Reader(charset.guess(value[:MAX_LENGTH])).read()


def groups(value: bytes | None) -> tuple[tuple[str | None, tuple[Person, ...]], ...]:
    """Read an address list with its groups; people outside of one stand under None, as many in a row as there are."""
    if not value:
        return ()
    reader = _Reader(charset.guess(value.strip()[:MAX_LENGTH]))
    people = reader.read()
    found: list[tuple[str | None, tuple[Person, ...]]] = []
    position = 0
    for name, start, end in reader.groups:
        if start > position:
            found.append((None, people[position:start]))
        found.append((name, people[start:end]))
        position = end
    if position < len(people):
        found.append((None, people[position:]))
    return tuple(found)


class _Reader:
    """One walk over the tokens of a list. Every byte is looked at a bounded number of times."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._people: list[Person] = []
        self._quotes_close = True
        self._comments_close = True
        self._group: tuple[str, int] | None = None  # its name, and where its people begin
        self.groups: list[tuple[str, int, int]] = []
        self._start()

    def _start(self) -> None:
        self._raw: list[str] = []  # words as they stand: an address is among them
        self._shown: list[str] = []  # the same words as a name shows them
        self._address: str | None = None
        self._run: list[str] = []  # encoded words in a row
        self._comment = ""
        self._spaced = True

    def read(self) -> tuple[Person, ...]:
        text, position = self._text, 0
        while position < len(text) and len(self._people) < MAX_PEOPLE:
            found = _TOKEN.match(text, position)
            if found is None:
                position += 1
                continue
            position = found.end()
            kind = found.lastgroup
            if kind == "space":
                self._spaced = True
            elif kind == "angle":
                self._address = _angle(found[0][1:-1])
                self._spaced = True
            elif kind == "mark":
                position = self._mark(found[0], position)
            elif kind == "encoded":
                self._run.append(found[0])
            else:
                self._word(found[0], found[0])
        self._finish()
        self._close_group()
        return tuple(self._people[:MAX_PEOPLE])

    def _mark(self, mark: str, position: int) -> int:
        if mark in ",;":
            self._finish()
            if mark == ";":
                self._close_group()
        elif mark == ":":
            self._end_run()
            if self._address is None and not any("@" in word for word in self._raw):
                self._close_group()
                self._group = (" ".join(" ".join(map(_clean, self._shown)).split()), len(self._people))
                self._start()
            else:
                self._finish()
        elif mark == '"':
            return self._quoted(position)
        elif mark == "(":
            return self._skip_comment(position)
        return position

    def _close_group(self) -> None:
        if self._group is not None:
            self.groups.append((*self._group, len(self._people)))
            self._group = None

    def _quoted(self, position: int) -> int:
        found = _QUOTED.match(self._text, position - 1) if self._quotes_close else None
        if found is None:
            self._quotes_close = False  # one look to the end is enough
            return position
        shown = _PAIR.sub(r"\1", found[1])
        if "=?" in shown:  # RFC 2047 5 forbids it, many do it
            shown = words.decode(shown.encode("utf-8"))
        self._word(found[0], shown)
        return found.end()

    def _skip_comment(self, position: int) -> int:
        if not self._comments_close:
            return position
        depth, start = 1, position
        for step in _COMMENT_STEP.finditer(self._text, position):
            if step[0] == "(":
                depth += 1
            elif step[0] == ")":
                depth -= 1
                if depth == 0:
                    self._comment = self._comment or self._text[start : step.start()]
                    self._spaced = True
                    return step.end()
        self._comments_close = False
        return position

    def _word(self, raw: str, shown: str) -> None:
        self._end_run()
        if self._raw and not self._spaced:
            self._raw[-1] += raw
            self._shown[-1] += shown
        else:
            self._raw.append(raw)
            self._shown.append(shown)
        self._spaced = False

    def _end_run(self) -> None:
        """Decode encoded words in a row together: a character may be cut between them."""
        if self._run:
            self._raw.append("")
            self._shown.append(words.decode(" ".join(self._run).encode("utf-8")))
            self._run = []
            self._spaced = True

    def _finish(self) -> None:
        self._end_run()
        address, shown = self._address, self._shown
        if address is None:
            for index in range(len(self._raw) - 1, -1, -1):
                if "@" in self._raw[index]:
                    address, shown = self._raw[index], self._shown[:index]
                    break
            else:
                if len(self._raw) == 1 and self._raw[0] and not self._people and not self._comment:
                    address, shown = self._raw[0], []  # MAILER-DAEMON
        if address:
            address = _clean(address)
            name = " ".join(_clean(" ".join(shown)).split())
            if not name and self._comment:
                name = " ".join(words.decode(_PAIR.sub(r"\1", self._comment).encode("utf-8")).split())
            self._people.append(Person(address, name or None))
        self._start()


def _angle(content: str) -> str:
    content = "".join(content.split()) if '"' not in content else content.strip()
    if content.startswith("@") and ":" in content:
        content = content.rpartition(":")[2]  # RFC 5321 4.1.1.3: a source route is ignored
    return content


def _clean(text: str) -> str:
    return text if text.isprintable() else _CONTROL.sub("", text.replace("\t", " "))
