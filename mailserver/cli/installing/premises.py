"""Look at the machine before anything is written: whether it can become this host."""

import asyncio
import os
from pathlib import Path

from mailserver.cli.installing import taken
from mailserver.cli.installing.plan import Plan, Web
from mailserver.dns import DnsResolver
from mailserver.mail.resolver import LookupFailed
from mailserver.services.health import premises as places
from mailserver.settings import loading
from mailserver.settings.configuration import Settings

HTTPS = 443
_OURS = ("mailserver", "systemd", "python")  # a server that runs, or the sockets that are kept for it
LOOK_SECONDS = 10.0


class Unsuitable(Exception):
    """This machine cannot be set up like that; the sentence says why and what to do."""


def usual_web(*, is_whole_machine: bool) -> Web:
    """Port 443 where it is free, else a place behind whatever program has it."""
    if not is_whole_machine:
        return Web.PROXY
    return Web.PROXY if _strangers({HTTPS}) else Web.DIRECT


def examined(plan: Plan, *, over: bool) -> list[str]:
    """What has to be said of the machine; Unsuitable where another program has a port that the server needs."""
    # A file that is to be written is not read: neither that of the environment, nor one to be written over.
    loaded = loading.load(plan.config if plan.config.exists() and not over else Path(os.devnull))
    wanted = _ports(loaded, plan)
    strangers = _strangers(wanted)
    if strangers and plan.root is None:
        named = "; ".join(f"port {port}: {program}" for port, program in sorted(strangers.items()))
        raise Unsuitable(
            f"Another program has what the server needs ({named}). Stop and disable it, and run this again."
        )
    return asyncio.run(_names(plan, loaded))


def _ports(loaded: Settings, plan: Plan) -> set[int]:
    smtp = loaded.smtp
    listeners = (*smtp.mx_listen, *smtp.submission_listen, *smtp.submissions_listen)
    found = {int(text.rpartition(":")[2]) for text in listeners} - {0}
    return found | {HTTPS} if plan.web is Web.DIRECT else found


def _strangers(ports: set[int]) -> dict[int, str]:
    return {port: name for port, name in taken.holders(ports).items() if not name.startswith(_OURS)}


async def _names(plan: Plan, loaded: Settings) -> list[str]:
    """Whether the host's name leads here already: it need not, before its records are published."""
    resolver = DnsResolver(loaded.dns.nameservers, min(loaded.dns.timeout_seconds, LOOK_SECONDS))
    own = places.own_addresses(loaded.health.addresses)
    try:
        found = await resolver.addresses(plan.host)
    except LookupFailed as error:
        return [f"DNS gives no answer about {plan.host} ({error}). The server needs a resolver."]
    if not found:
        return [f"{plan.host} has no address in DNS yet; the records below have it."]
    if not set(found) & set(own):
        return [
            f"{plan.host} leads to {', '.join(found)}, and this machine is {', '.join(own) or 'nowhere'}. "
            "Behind address translation set health.addresses; otherwise mend the record."
        ]
    return []
