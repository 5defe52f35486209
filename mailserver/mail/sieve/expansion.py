"""What stands between ${ and } in a string: characters by their number (RFC 5228 2.4.2.4), variables (RFC 5229 3)."""

import re
from collections.abc import Callable

_ENCODED = re.compile(r"\$\{(hex|unicode):([0-9A-Fa-f \t\r\n]+)\}", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,63}|[0-9]{1,9})\}")
_NAMESPACE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)+)\}")


class BadCharacter(ValueError):
    """A number names no character."""


def decode(text: str) -> str:
    """Put in the characters that are written by numbers; BadCharacter where one is none.

    What does not have the form stays as it is.
    """
    if "${" not in text:
        return text
    octets = _ENCODED.sub(_octets, text).encode("utf-8", "surrogateescape")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadCharacter("The octets written in hexadecimal are not UTF-8.") from error


def fill(text: str, value: Callable[[str], str]) -> str:
    """Put in the values of variables. What does not have the form stays as it is, and values are not read again."""
    return _VARIABLE.sub(lambda found: value(found[1]), text)


def namespace(text: str) -> str:
    """The first variable with a namespace, of which there is none here; '' where there is none."""
    found = _NAMESPACE.search(text)
    return found[1] if found else ""


def _octets(found: re.Match[str]) -> str:
    numbers = found[2].split()
    if found[1].lower() == "hex":
        if not numbers or any(len(number) > 2 for number in numbers):
            return found[0]
        return bytes(int(number, 16) for number in numbers).decode("utf-8", "surrogateescape")
    if not numbers:
        return found[0]
    return "".join(_character(number) for number in numbers)


def _character(digits: str) -> str:
    number = int(digits, 16) if len(digits.lstrip("0")) <= 6 else 1 << 24
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise BadCharacter(f"There is no character {digits[:12]}.")
    return chr(number)
