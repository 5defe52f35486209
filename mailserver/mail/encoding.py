"""Text to header fields: folded lines, encoded words, parameters (RFC 5322 2.2.3, RFC 2047, RFC 2231)."""

import binascii
import re

from mailserver.mail import address
from mailserver.mail.address import Person

LINE = 76  # RFC 2047 2
HARD_LINE = 998  # RFC 5322 2.1.1
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]+")
_WORD_BYTES = 45  # 60 letters of base 64 beside `=?utf-8?b?` and `?=`: 72 of the 75 that RFC 2047 2 allows
_AROUND = 12  # letters of an encoded word that say nothing
_SHORTEST = 9  # octets: below that the first word goes onto a line of its own
_ATTRIBUTE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~")
_SECTION = 54  # letters of a parameter's section that leave a line below 76
_LONG_WORD = 900


class InjectionError(ValueError):
    """A name or value cannot stand in a header field: it would break out of it."""


def check(name: str, value: str) -> None:
    """Refuse a field whose name or value could break out of its line; InjectionError says which."""
    if not _NAME.fullmatch(name):
        raise InjectionError("A header name has letters, digits and hyphens only, at most 64.")
    if _CONTROL.search(value):
        raise InjectionError(f"The value of {name} has a control character.")


def text(name: str, value: str) -> bytes:
    """Write a field of free text: as it is where ASCII allows, else as encoded words."""
    check(name, value)
    if value.isascii() and "=?" not in value and not _has_long_word(value):
        return _folded(f"{name}: ", value.split(" "))
    return _folded(f"{name}: ", _encoded_words(value, LINE - len(name) - 2))


def structured(name: str, words: list[str], separator: str = "") -> bytes:
    """Write a field of words that may stand on lines of their own, `separator` behind each but the last."""
    check(name, " ".join(words))
    if any(len(word.encode("utf-8")) > HARD_LINE - len(separator) - 1 for word in words):
        raise InjectionError(f"The value of {name} has a part that is too long for a line.")
    return _folded(f"{name}: ", [word + separator for word in words[:-1]] + words[-1:])


def people(name: str, persons: tuple[Person, ...]) -> bytes:
    """Write an address list. Only an address outside ASCII makes the field need SMTPUTF8 (RFC 6532)."""
    words: list[str] = []
    for index, person in enumerate(persons):
        last = "," if index < len(persons) - 1 else ""
        written = _person(name, person, LINE - len(name) - 2 if index == 0 else LINE - 1)
        words.extend(written[:-1])
        words.append(written[-1] + last)
    return _folded(f"{name}: ", words)


def words(name: str, pieces: list[str]) -> bytes:
    """Write a field of words that are written already, such as those of `phrase_words`."""
    check(name, " ".join(pieces))
    return _folded(f"{name}: ", pieces)


def phrase_words(field: str, name: str) -> list[str]:
    """A name as the words of a phrase (RFC 5322 3.2.5)."""
    return _phrase(field, name, LINE - 1)


def _person(field: str, person: Person, room: int) -> list[str]:
    check(field, person.address)
    route = str(address.parse(person.address))
    return [*_phrase(field, person.name, room), f"<{route}>"] if person.name else [route]


def phrase(field: str, name: str, word: str) -> bytes:
    """Write a field of a name that people read, and a word in angle brackets."""
    return _folded(f"{field}: ", [*_phrase(field, name, LINE - len(field) - 2), f"<{word}>"])


def _phrase(field: str, name: str, room: int) -> list[str]:
    """A name as atoms, a quoted string or encoded words: the plainest that can hold it."""
    check(field, name)
    if _ATOMS.fullmatch(name) and "=?" not in name and not _has_long_word(name):
        return name.split(" ")
    if name.isascii() and "=?" not in name and len(name) < 70:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return [f'"{escaped}"']
    return _encoded_words(name, room)


def parameter(name: str, value: str) -> list[str]:
    """Write one parameter of Content-Type or Content-Disposition, in sections where it is long (RFC 2231 3, 4)."""
    check("parameter", value)
    if value.isascii() and len(value) <= _SECTION:
        if _TOKEN.fullmatch(value):
            return [f"{name}={value}"]
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{name}="{escaped}"']
    letters = [chr(each) if each in _ATTRIBUTE else f"%{each:02X}" for each in value.encode("utf-8")]
    sections = [""]
    for letter in letters:
        if len(sections[-1]) + len(letter) > _SECTION:
            sections.append("")
        sections[-1] += letter
    if len(sections) == 1:
        return [f"{name}*=utf-8''{sections[0]}"]
    sections[0] = f"utf-8''{sections[0]}"
    return [f"{name}*{number}*={section}" for number, section in enumerate(sections)]


def _has_long_word(value: str) -> bool:
    return len(value) > _LONG_WORD and any(len(word) > _LONG_WORD for word in value.split(" "))


def _encoded_words(value: str, room: int) -> list[str]:
    """Cut between characters, never inside one (RFC 2047 5). The first word has that much room on its line."""
    words: list[str] = []
    run, most = b"", min((room - _AROUND) // 4 * 3, _WORD_BYTES)
    if most < _SHORTEST:
        most = _WORD_BYTES
    for character in value:
        octets = character.encode("utf-8")
        if len(run) + len(octets) > most:
            words.append(_encoded_word(run))
            run, most = b"", _WORD_BYTES
        run += octets
    words.append(_encoded_word(run))
    return words


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(octets, newline=False).decode('ascii')}?="


def _folded(start: str, words: list[str]) -> bytes:
    """Put words on lines of 76 where a blank allows it. A line never starts with two blanks or holds blanks alone."""
    lines: list[str] = []
    line = start + words[0] if words else start
    if len(line) > LINE and words[0].startswith("=?"):  # RFC 2047 2: such a line has 76 letters at most
        lines, line = [start.rstrip()], f" {words[0]}"
    has_word = bool(words and words[0])
    for index, word in enumerate(words[1:], 1):
        too_long = len(line) + 1 + len(word) > LINE
        rest_shows = bool(word) and has_word
        if too_long and rest_shows and index:
            lines.append(line)
            line = f" {word}"
            has_word = True
        else:
            line += f" {word}"
            has_word = has_word or bool(word)
    lines.append(line)
    return ("\r\n".join(lines) + "\r\n").encode("utf-8")
