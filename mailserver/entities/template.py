"""A text that a team writes again and again, with places to fill in."""

import re
from dataclasses import dataclass
from typing import Any

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]{0,63})\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A template of a tenant. `variables` are the places that its author declared."""

    id: int
    tenant_id: int
    name: str
    subject: str
    body: str
    variables: tuple[str, ...]
    created_by: int | None
    created_at: int
    updated_at: int


def fill(text: str, values: dict[str, Any]) -> str:
    """The text with every `{place}` that has a value filled in; others stay as they are, and values are not read again.

    A truth value is written as JSON writes it, and None as nothing.
    """
    return _PLACE.sub(lambda found: _written(values[found[1]]) if found[1] in values else found[0], text)


def _written(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
