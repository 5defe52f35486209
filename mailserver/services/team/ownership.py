"""What only an owner of the tenant does."""

from mailserver.entities import errors
from mailserver.entities.access import Caller


def require(caller: Caller, what: str) -> None:
    """Refuse with Forbidden whoever is no owner."""
    if not caller.is_owner:
        raise errors.Forbidden(f"Only an owner changes {what}.")
