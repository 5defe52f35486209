"""What addresses have done on port 25 within the last hour, and what that earns them."""

from collections.abc import Callable

from mailserver.mail import network
from mailserver.mail.network import Origin
from mailserver.mail.reply import Reply
from mailserver.services.accounts.tally import Tally
from mailserver.smtp import replies
from mailserver.smtp.limits import SmtpLimits

HOUR_SECONDS = 3_600.0
STEP_SECONDS = 0.5  # by which each further error makes the next answer slower


class Conduct:
    """Counts by address and by network. One for all listeners; memory is bounded by the tallies."""

    def __init__(self, limits: SmtpLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._messages = Tally(HOUR_SECONDS, clock)
        self._recipients = Tally(HOUR_SECONDS, clock)
        self._unknown = Tally(HOUR_SECONDS, clock)

    def refuse(self, address: str) -> Reply | None:
        """Return why an address may neither connect nor begin a message."""
        origin = network.origin(address)
        most = self._most_unknown(origin)
        return replies.TOO_MANY_UNKNOWN if most and self._unknown.count(origin.address) > most else None

    def refuse_message(self, address: str) -> Reply | None:
        """Return why an address may not send another message."""
        limits, origin = self._limits, network.origin(address)
        if origin.is_loopback:
            most, most_of_network = limits.messages_per_loopback_address_per_hour, 0
        else:
            most, most_of_network = limits.messages_per_address_per_hour, limits.messages_per_network_per_hour
        return replies.TOO_MUCH_MAIL if _is_spent(self._messages, origin, most, most_of_network) else None

    def count_message(self, address: str) -> None:
        """Count a message that has begun."""
        _count(self._messages, network.origin(address), is_off=not self._limits.messages_per_loopback_address_per_hour)

    def refuse_recipient(self, address: str) -> Reply | None:
        """Count a recipient that is asked for, or return why no more are taken from an address."""
        limits, origin = self._limits, network.origin(address)
        if origin.is_loopback:
            most, most_of_network = limits.recipients_per_loopback_address_per_hour, 0
        else:
            most, most_of_network = limits.recipients_per_address_per_hour, limits.recipients_per_network_per_hour
        if _is_spent(self._recipients, origin, most, most_of_network):
            return replies.TOO_MANY_TO_US
        _count(self._recipients, origin, is_off=not most)
        return None

    def misstep(self, address: str, errors: int, *, is_unknown: bool) -> float | Reply:
        """Say how long the answer to an error has to wait, or with which words the connection ends instead."""
        limits, origin = self._limits, network.origin(address)
        longest = limits.loopback_tarpit_seconds if origin.is_loopback else limits.tarpit_seconds
        if is_unknown:
            most = self._most_unknown(origin)
            number = self._unknown.add(origin.address) if most or longest else 0
            if most and number > most:
                return replies.TOO_MANY_UNKNOWN
            errors = max(errors, number)
        return min(longest, max(0, errors - limits.tarpit_errors) * STEP_SECONDS)

    def greeting_delay(self, address: str) -> float:
        """How long a peer has to wait for the greeting."""
        is_loopback = network.origin(address).is_loopback
        return self._limits.loopback_greeting_delay_seconds if is_loopback else self._limits.greeting_delay_seconds

    def _most_unknown(self, origin: Origin) -> int:
        limits = self._limits
        if origin.is_loopback:
            return limits.unknown_recipients_per_loopback_address_per_hour
        return limits.unknown_recipients_per_address_per_hour


def _is_spent(tally: Tally, origin: Origin, most: int, most_of_network: int) -> bool:
    return bool(most and tally.count(origin.address) >= most) or bool(
        most_of_network and tally.count(origin.network) >= most_of_network
    )


def _count(tally: Tally, origin: Origin, *, is_off: bool) -> None:
    """Count for an address and its network; for this machine only where a limit asks for it."""
    if not origin.is_loopback:
        tally.add(origin.address)
        tally.add(origin.network)
    elif not is_off:
        tally.add(origin.address)
