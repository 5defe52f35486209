"""How much an inbox may hold, and how much it does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allotment:
    """The most that one inbox holds; 0 where there is no limit."""

    most_bytes: int = 0
    most_messages: int = 0

    def is_full(self, used_bytes: int, messages: int) -> bool:
        """Whether nothing more fits in."""
        return bool(
            (self.most_bytes and used_bytes >= self.most_bytes)
            or (self.most_messages and messages >= self.most_messages)
        )

    @property
    def is_any(self) -> bool:
        """Whether there is a limit at all."""
        return bool(self.most_bytes or self.most_messages)


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit of an inbox, with how much of it is used."""

    name: str  # octets, count
    used: int
    limit: int
