"""The verb by which programs on this machine send mail, and the door on which it is the only one."""

from typing import Any

from mailserver.entities import errors
from mailserver.services.outbound.local_programs import Piped
from mailserver.services.registry import Services

Arguments = dict[str, Any]
LONGEST_TEXT = 1_000


class ProgramVerbs:
    """What everybody on this machine may ask for."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self, verb: str, arguments: Arguments) -> Any:
        """Send; NotProvided for every other verb."""
        if verb != "sendmail":
            raise errors.NotProvided("This socket takes mail of programs, and does nothing else.")
        return await send(self._services, arguments, by_operator=False)


async def send(services: Services, given: Arguments, *, by_operator: bool) -> Arguments:
    """Take a message; the id that `message trace` knows. Everybody on the machine may write what stands in `given`."""
    recipients = given.get("recipients") or []
    if not isinstance(recipients, list) or not all(isinstance(each, str) for each in recipients):
        raise errors.Invalid("The recipients are a list of addresses.")
    piped = Piped(
        _text(given, "user") or "somebody",
        tuple(recipients),
        reads_header=bool(given.get("reads_header")),
        ends_at_dot=bool(given.get("ends_at_dot", True)),
        sender=_text(given, "sender"),
        full_name=_text(given, "full_name"),
        notify=_text(given, "notify"),
        ret=_text(given, "ret"),
        envid=_text(given, "envid"),
    )
    return {"id": await services.local_programs.send(piped, given.get("content", b""), by_operator=by_operator)}


def _text(given: Arguments, name: str) -> str | None:
    value = given.get(name)
    if value is not None and not (isinstance(value, str) and len(value) <= LONGEST_TEXT):
        raise errors.Invalid(f"{name} is a text of at most {LONGEST_TEXT} characters.")
    return value
