"""Offset pages and opaque cursors."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the rows, and how many there are in all; `total` is None where nobody asked."""

    items: tuple[T, ...]
    total: int | None = None
    position: int = 0
    limit: int = 50
    next_cursor: str | None = None
