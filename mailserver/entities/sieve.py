"""Scripts of an inbox, and what it answers while nobody is there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SieveScript:
    """A script without its content, which `hash` names."""

    id: int
    tenant_id: int
    inbox_id: int
    name: str
    hash: bytes  # SHA-256 of the content
    size: int
    is_active: bool
    changed_at: int  # unix milliseconds


@dataclass(frozen=True, slots=True)
class VacationResponse:
    """What senders are told (RFC 8621 8). Times are unix milliseconds; None is no border."""

    is_enabled: bool = False
    from_at: int | None = None
    to_at: int | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None

    def answers_at(self, at: int) -> bool:
        """Whether senders are told something at a time."""
        starts, ends = self.from_at, self.to_at
        return self.is_enabled and (starts is None or starts <= at) and (ends is None or at < ends)


NO_RESPONSE = VacationResponse()
