"""Authentication-Results: written for our own, parsed and removed where they are others' (RFC 8601)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NAME = b"Authentication-Results"
LINE = 78
MAX_VALUE = 64 * 1024  # octets of a foreign field that are read
MAX_CLAIMS = 100
MAX_MARKS = 1_000  # parentheses and quotes of one field
MAX_SQUEEZED = 2_000
MAX_SHOWN = 320  # letters of one value that we write: an address with everything around it
_FIELD = re.compile(rb"^authentication-results[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?", re.IGNORECASE | re.MULTILINE)
_BARE = re.compile(r"[A-Za-z0-9!#$%&'*+^_`{|}~./-]+")  # a token (RFC 2045 5.1), and the slash that values may have
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]*@[A-Za-z0-9_.-]+")
_WORD = re.compile(r"[^\s;=\"()\\]+")
_SPACE = re.compile(r"\s+")
_METHOD = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\s*(?:/\s*[0-9]+\s*)?=\s*([A-Za-z][A-Za-z0-9-]*)")
_PROPERTY = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*\s*\.\s*[A-Za-z0-9][A-Za-z0-9_-]*|reason)\s*=\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_MARKS = re.compile(r"\\.|[()\"]", re.DOTALL)
_MARK = re.compile(r'[;"]')
_PLAIN_VALUE = re.compile(r"[^\s;\"]+")


@dataclass(frozen=True, slots=True)
class Claim:
    """One method's result. Properties are pairs such as ("header.d", "example.test")."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""

    def value(self, name: str) -> str:
        """A property; '' where there is none."""
        return next((value for key, value in self.properties if key == name), "")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a field says. `defect` is set where something in it could not be read; what came before it stands."""

    authserv_id: str
    claims: tuple[Claim, ...] = ()
    defect: str = ""


def field(authserv_id: str, claims: Sequence[Claim], name: bytes = NAME) -> bytes:
    """Write the field with its CRLF, one method a line, no line above 78 unless one value is that long."""
    lines = [name.decode("ascii") + ": " + _value(authserv_id)]
    if not claims:
        lines[-1] += "; none"
    for claim in claims:
        lines[-1] += ";"
        lines.append(f"\t{claim.method}={claim.result}")
        for piece in _pieces(claim):
            if len(lines[-1]) + len(piece) + 2 > LINE:
                lines.append(f"\t {piece}")
            else:
                lines[-1] += f" {piece}"
    return "\r\n".join([*lines, ""]).encode("utf-8", "replace")


def _pieces(claim: Claim) -> Iterator[str]:
    if claim.reason:
        yield f"reason={_quoted(claim.reason)}"
    for name, value in claim.properties:
        if value:
            yield f"{name}={_value(value)}"


def _value(text: str) -> str:
    """A value as the grammar has it: bare where it can be, else quoted, and never a line end or other control."""
    if len(text) <= MAX_SHOWN and (_BARE.fullmatch(text) or _ADDRESS.fullmatch(text)):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    shown = "".join([letter if letter.isprintable() else "?" for letter in text[:MAX_SHOWN]])
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def without_ours(header_block: bytes, authserv_id: str) -> bytes:
    """Take out the fields that claim to be ours (RFC 8601 5)."""
    if NAME.lower() not in header_block.lower():
        return header_block
    return _FIELD.sub(lambda found: b"" if claims(found[1], authserv_id) else found[0], header_block)


def claims(field_value: bytes, authserv_id: str) -> bool:
    """Whether a field's value claims our name, in any case and dress; where that is not clear, it does."""
    ours = authserv_id.lower().removesuffix(".")
    text = field_value[:MAX_VALUE].decode("utf-8", "replace")
    bare, closed = _without_comments(text)
    if not closed and ours.encode("ascii", "replace") in field_value.lower():
        return True
    start = bare.lstrip()
    quoted = _QUOTED.match(start)
    if quoted:
        start = _PAIR.sub(r"\1", quoted[1]).strip() + " " + start[quoted.end() :]
    if _begins_with(start, ours):
        return True
    # What no parser should take for our name, but one might: the same without quotes, blanks and backslashes.
    for reading in (text, bare):
        squeezed = "".join(
            [letter for letter in reading.partition(";")[0][:MAX_SQUEEZED] if letter not in ' \t\r\n"\\()<>']
        )
        if _begins_with(squeezed, ours):
            return True
    return False


def _begins_with(text: str, name: str) -> bool:
    lowered = text.lower()
    if not lowered.startswith(name):
        return False
    rest = lowered[len(name) :].lstrip(".")
    dots = len(lowered) - len(name) - len(rest)
    return not (rest[:1].isalnum() or rest[:1] in ("-", "_")) or dots > 1


def _without_comments(text: str) -> tuple[str, bool]:
    """The text with a blank for each comment, and whether all of them are closed (RFC 5322 3.2.2)."""
    if "(" not in text:
        return text, True
    out: list[str] = []
    depth = start = 0
    in_quotes = False
    for number, mark in enumerate(_MARKS.finditer(text)):
        if number > MAX_MARKS:
            return "".join(out), False
        if mark[0] == '"':
            in_quotes ^= depth == 0
        elif mark[0] == "(" and not in_quotes:
            if depth == 0:
                out.append(text[start : mark.start()])
            depth += 1
        elif mark[0] == ")" and depth:
            depth -= 1
            if depth == 0:
                out.append(" ")
                start = mark.end()
    if depth == 0:
        out.append(text[start:])
    return "".join(out), depth == 0


def parse(value: bytes) -> Parsed:
    """Read the value of a field, or of the part of ARC-Authentication-Results behind its i= tag; it never raises."""
    text, closed = _without_comments(_SPACE.sub(" ", value[:MAX_VALUE].decode("utf-8", "replace")))
    defect = "" if closed else "A comment has no end."
    if len(value) > MAX_VALUE:
        defect = "The field is longer than 64 KB."
    pieces = _split(text)
    name = _first_word(pieces[0])
    if not name:
        return Parsed("", defect=defect or "The field names no server.")
    found: list[Claim] = []
    for piece in pieces[1:]:
        stripped = piece.strip()
        if not stripped or stripped.lower() == "none":
            continue
        claim = _claim(stripped)
        if claim is None:
            defect = defect or "A result cannot be read."
        elif len(found) < MAX_CLAIMS:
            found.append(claim)
        else:
            defect = defect or "The field has more than 100 results."
            break
    return Parsed(name, tuple(found), defect)


def _split(text: str) -> list[str]:
    """Split at semicolons that stand in no quotes."""
    if '"' not in text:
        return text.split(";")
    pieces = [""]
    position = 0
    for _ in range(MAX_MARKS):
        mark = _MARK.search(text, position)
        if mark is None:
            pieces[-1] += text[position:]
            break
        pieces[-1] += text[position : mark.start()]
        quoted = _QUOTED.match(text, mark.start()) if mark[0] == '"' else None
        if mark[0] == ";":
            pieces.append("")
            position = mark.end()
        elif quoted is None:
            pieces[-1] += text[mark.start() :]  # the quotes have no end, and so has the piece
            break
        else:
            pieces[-1] += quoted[0]
            position = quoted.end()
    return pieces


def _first_word(text: str) -> str:
    quoted = _QUOTED.match(text.strip())
    if quoted:
        return _PAIR.sub(r"\1", quoted[1]).strip().lower()
    word = _WORD.match(text.strip())
    return word[0].lower() if word else ""


def _claim(text: str) -> Claim | None:
    head = _METHOD.match(text)
    if head is None:
        return None
    properties: list[tuple[str, str]] = []
    reason = ""
    position = head.end()
    while position < len(text):
        found = _PROPERTY.match(text, position)
        if found is None:
            break
        name = _SPACE.sub("", found[1]).lower()
        value, position = _read_value(text, found.end())
        if name == "reason":
            reason = value
        else:
            properties.append((name, value))
    return Claim(head[1].lower(), head[2].lower(), tuple(properties), reason)


def _read_value(text: str, position: int) -> tuple[str, int]:
    """A value: quoted, bare, or an address whose local part is quoted."""
    quoted = _QUOTED.match(text, position)
    if quoted:
        value, position = _PAIR.sub(r"\1", quoted[1]), quoted.end()
        if text[position : position + 1] != "@":
            return value, position
        rest = _PLAIN_VALUE.match(text, position)
        return (quoted[0] + rest[0], rest.end()) if rest else (value, position)
    bare = _PLAIN_VALUE.match(text, position)
    return (bare[0], bare.end()) if bare else ("", position + 1)
