"""What a server offers in its answer to EHLO (RFC 5321 4.1.1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Extensions:
    """Keywords in capitals with their parameters; nothing after HELO."""

    words: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def offers(self, word: str) -> bool:
        """Whether the server named this keyword."""
        return word in self.words

    @property
    def size_limit(self) -> int | None:
        """Largest message that it takes (RFC 1870 4); None where it does not say, or says there is no limit."""
        first = next(iter(self.words.get("SIZE", ())), "")
        return int(first) or None if first.isascii() and first.isdigit() and len(first) <= 20 else None

    @property
    def soonest_by_seconds(self) -> int:
        """The least time that a message may have left which goes back at its end (RFC 2852 2)."""
        first = next(iter(self.words.get("DELIVERBY", ())), "").partition(",")[0]
        return int(first) if first.isascii() and first.isdigit() and len(first) <= 9 else 0

    @property
    def mechanisms(self) -> frozenset[str]:
        """SASL mechanisms (RFC 4954 3)."""
        return frozenset(word.upper() for word in self.words.get("AUTH", ()))


def read(lines: tuple[str, ...]) -> Extensions:
    """Read the lines of a 250 to EHLO; the first is the greeting."""
    words: dict[str, tuple[str, ...]] = {}
    for line in lines[1:]:
        # Old servers write AUTH=LOGIN PLAIN.
        spaced = line.replace("=", " ", 1) if line.upper().startswith("AUTH=") else line
        name, *parameters = spaced.split() or [""]
        if name:
            known = words.get(name.upper(), ())
            words[name.upper()] = (*known, *parameters)
    return Extensions(MappingProxyType(words))
