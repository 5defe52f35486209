"""Somebody whom an inbox knows."""

from dataclasses import dataclass

MOST_EACH = 20  # addresses, phones and anniversaries of one contact


@dataclass(frozen=True, slots=True)
class Labelled:
    """An address or a phone number, and what it is for."""

    value: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Anniversary:
    """A day of the year: `1985-03-14`, or `--03-19` where nobody knows the year."""

    type: str
    date: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a contact says."""

    full_name: str
    emails: tuple[Labelled, ...] = ()
    phones: tuple[Labelled, ...] = ()
    notes: str | None = None
    anniversaries: tuple[Anniversary, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact of an inbox."""

    id: int
    tenant_id: int
    inbox_id: int
    card: Card
    created_at: int
    updated_at: int
