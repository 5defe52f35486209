"""Failed logins of the last quarter of an hour, and whom they keep out.

An address, a network and an account have budgets of their own. A login from an address where that same account has
logged in before is held to the failures of just that pair: nobody else's failures lock its owner out.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from mailserver.mail import network
from mailserver.services.accounts.tally import Tally
from mailserver.settings.limits import Limits

WINDOW_SECONDS = 900.0
MOST_TRUSTED = 50_000  # addresses in memory that a network's failures do not concern
LONGEST_ACCOUNT = 320

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """Failures within the window; 0 is no limit."""

    per_address: int = 20  # an IPv6 /64 counts as one
    per_loopback_address: int = 100
    per_network: int = 100  # IPv4 /24, IPv6 /48
    per_account: int = 50  # from addresses where it has never logged in


class Throttle:
    """Counts failures. One for the process: several nodes count each for itself."""

    def __init__(self, limits: LoginLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._addresses = Tally(WINDOW_SECONDS, clock)
        self._networks = Tally(WINDOW_SECONDS, clock)
        self._accounts = Tally(WINDOW_SECONDS, clock)
        self._pairs = Tally(WINDOW_SECONDS, clock)
        self._under_way: Counter[str] = Counter()  # logins that are being checked, by address
        self._trusted: OrderedDict[str, None] = OrderedDict()

    def refuses(self, account: str, peer: str, *, is_known: bool) -> bool:
        """Whether a login is not even tried; `is_known` says that the account has logged in from there before."""
        limits, origin = self._limits, network.origin(peer)
        most = self._most(origin)
        if is_known:
            return _is_over(self._pairs.count((account[:LONGEST_ACCOUNT], origin.address)), most)
        failed = self._addresses.count(origin.address)
        if failed:  # those under way may fail as well: many at once do not get more tries
            failed += self._under_way[origin.address]
        return (
            _is_over(failed, most)
            or (not origin.is_loopback and _is_over(self._networks.count(origin.network), limits.per_network))
            or _is_over(self._accounts.count(account[:LONGEST_ACCOUNT]), limits.per_account)
        )

    def begin(self, peer: str) -> None:
        """Count a login that is being checked."""
        self._under_way[network.origin(peer).address] += 1

    def end(self, peer: str) -> None:
        """Count it off."""
        address = network.origin(peer).address
        self._under_way[address] -= 1
        if self._under_way[address] <= 0:
            del self._under_way[address]

    def failed(self, account: str, peer: str, *, is_known: bool) -> bool:
        """Count a failure; True where with it the budget of the address or of its network is spent."""
        limits, origin = self._limits, network.origin(peer)
        account = account[:LONGEST_ACCOUNT]
        # The line that other programs may watch for: fail2ban and the like read `peer`.
        log.info("accounts.login.failed", peer=peer)
        self._pairs.add((account, origin.address))
        number = self._addresses.add(origin.address)
        is_spent = number == self._most(origin)
        if is_spent:
            log.warning("accounts.address.banned", peer=peer, address=origin.address, failures=number)
        if not is_known and self._accounts.add(account) == limits.per_account:
            log.warning("accounts.account.guarded", failures=limits.per_account)
        if not origin.is_loopback and self._networks.add(origin.network) == limits.per_network:
            log.warning("accounts.network.banned", peer=peer, network=origin.network, failures=limits.per_network)
            return True
        return is_spent

    def trust(self, addresses: Iterable[str]) -> None:
        """Remember addresses where somebody has logged in: others' failures in their network do not shut them out."""
        for address in addresses:
            self._trusted[address] = None
            self._trusted.move_to_end(address)
        while len(self._trusted) > MOST_TRUSTED:
            self._trusted.popitem(last=False)

    def is_banned(self, peer: str) -> bool:
        """Whether a connection for logins is not worth having: nothing that it may try would be looked at.

        Never where somebody has logged in before: which budget counts there, only the account's name tells.
        """
        origin = network.origin(peer)
        if origin.address in self._trusted:
            return False
        return _is_over(self._addresses.count(origin.address), self._most(origin)) or (
            not origin.is_loopback and _is_over(self._networks.count(origin.network), self._limits.per_network)
        )

    def failures(self, peer: str) -> int:
        """How often logins from an address have failed within the window."""
        return self._addresses.count(network.origin(peer).address)

    def _most(self, origin: network.Origin) -> int:
        return self._limits.per_loopback_address if origin.is_loopback else self._limits.per_address


def _is_over(number: int, most: int) -> bool:
    return bool(most) and number >= most


def limits(chosen: Limits) -> LoginLimits:
    """The budgets that the operator has chosen."""
    return LoginLimits(
        chosen.login_failures_per_address,
        chosen.login_failures_per_loopback_address,
        chosen.login_failures_per_network,
        chosen.login_failures_per_account,
    )
