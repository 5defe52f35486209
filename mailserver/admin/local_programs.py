"""The verb by which programs on this machine send mail, and the door on which it is the only one."""

from typing import Any

from mailserver.entities import errors
from mailserver.services.outbound.local_programs import Piped
from mailserver.services.registry import Services

Arguments = dict[str, Any]
MOST_RECIPIENTS = 1_000


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
    """Take a message; the id that `message trace` knows."""
    recipients = given.get("recipients") or []
    if len(recipients) > MOST_RECIPIENTS:
        raise errors.TooLarge(f"A message has at most {MOST_RECIPIENTS:,} recipients.")
    piped = Piped(
        str(given.get("user") or "somebody")[:64],
        tuple(str(each) for each in recipients),
        reads_header=bool(given.get("reads_header")),
        ends_at_dot=bool(given.get("ends_at_dot", True)),
        sender=given.get("sender"),
        full_name=given.get("full_name"),
        notify=given.get("notify"),
        ret=given.get("ret"),
        envid=given.get("envid"),
    )
    return {"id": await services.local_programs.send(piped, given.get("content", b""), by_operator=by_operator)}
