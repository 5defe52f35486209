"""How much inboxes and tenants may hold, and how much they do."""

from dataclasses import dataclass

OCTETS, COUNT = "octets", "count"


@dataclass(frozen=True, slots=True)
class Allotment:
    """The most that one inbox, or a tenant with all of its inboxes, holds; 0 where there is no limit."""

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
class Wishes:
    """What an operator has set for one inbox or tenant; None where the configured default is good."""

    most_bytes: int | None = None
    most_messages: int | None = None
    trash_days: int | None = None  # of an inbox alone
    junk_days: int | None = None

    @property
    def is_any(self) -> bool:
        """Whether anything is set."""
        return any(each is not None for each in (self.most_bytes, self.most_messages, self.trash_days, self.junk_days))


@dataclass(frozen=True, slots=True)
class Holding:
    """What an inbox or a tenant holds, of what it may."""

    used_bytes: int
    messages: int
    allotment: Allotment

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits in."""
        return self.allotment.is_full(self.used_bytes, self.messages)


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit, with how much of it is used; `is_shared` where all inboxes of the tenant count."""

    name: str  # octets, count
    used: int
    limit: int
    is_shared: bool = False
