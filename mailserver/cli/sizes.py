"""Limits as people write and read them: 500M, 20G, none; a kilobyte has 1,024 octets."""

import re

import click

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,15})([KMGT]?)(?:i?B)?", re.IGNORECASE)


class Number(click.ParamType[int]):
    """A number; `none` (0) is no limit, `default` (-1) what is configured."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if isinstance(value, int):
            return value
        text = str(value).lower()
        if text in ("none", "default"):
            return 0 if text == "none" else -1
        number = self.read(text)
        if number is None:
            self.fail(f"{value!r} is no {self.name}, and neither none nor default.", param, ctx)
        return number

    def read(self, text: str) -> int | None:
        """What a text says; None where it is none."""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


class Size(Number):
    """A number of octets."""

    name = "size"

    def read(self, text: str) -> int | None:
        """What a text says, such as 20g; None where it is none."""
        found = _SIZE.fullmatch(text)
        return int(found[1]) * _UNITS[found[2].upper()] if found else None


def shown(octets: int) -> str:
    """A size with one digit behind the point."""
    if octets < 1 << 10:
        return f"{octets} B"
    unit = max((name for name in _UNITS if name and octets >= _UNITS[name]), key=_UNITS.__getitem__)
    return f"{octets / _UNITS[unit]:.1f} {unit}B"
