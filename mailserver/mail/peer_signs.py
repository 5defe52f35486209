"""Signs of junk in how a message came: what the peer calls itself, and what authentication has found."""

import ipaddress
import re
from collections.abc import Iterable

from mailserver.mail.spam_status import Sign

_FQDN = re.compile(r"(?=.{4,255}$)(?:[a-z0-9_][a-z0-9_-]{0,62}\.)+[a-z][a-z0-9-]{1,62}\.?", re.IGNORECASE)
NEAR_NETWORKS = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7",
    "fe80::/10",
)  # fmt: skip

# What a peer did or said that others do not, as the envelope's `Peer.signs` has it.
EARLY_TALKER = "early-talker"  # sent something before the greeting
UNAUTHORISED_PIPELINING = "unauthorised-pipelining"  # went on where RFC 2920 3.1 says to wait
HELO_IS_ADDRESS = "helo-is-address"
HELO_IS_OURS = "helo-is-ours"
HELO_NOT_A_NAME = "helo-not-a-name"


class Near:
    """The networks whose machines are not strangers, where names and lists mean little."""

    def __init__(self, networks: Iterable[str] = NEAR_NETWORKS) -> None:
        self._networks = tuple(ipaddress.ip_network(text) for text in networks)

    def has(self, address: str) -> bool:
        """Whether a peer is in one of them; so is what is no IP address."""
        parsed = parse(address)
        return parsed is None or any(
            parsed.version == network.version and parsed in network for network in self._networks
        )


def parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; one of IPv4 that is written as IPv6 is one of IPv4."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def is_name(helo: str) -> bool:
    """Whether a HELO argument is a full domain name (RFC 5321 2.3.5)."""
    return _FQDN.fullmatch(helo) is not None


def helo_sign(helo: str, hostname: str) -> str | None:
    """Name what is odd about what a peer calls itself."""
    if helo.rstrip(".").lower() == hostname.lower():
        return HELO_IS_OURS
    if is_name(helo):
        return None
    return HELO_IS_ADDRESS if helo.startswith("[") or parse(helo) is not None else HELO_NOT_A_NAME


def of_helo(helo: str, hostname: str, *, resolves: bool | None) -> tuple[Sign, ...]:
    """Judge what a peer calls itself; `resolves` is None where nobody knows."""
    sign = helo_sign(helo, hostname)
    if sign is not None:
        return (_HELO_SIGNS[sign],)
    if resolves is False:
        return (Sign("HELO_UNKNOWN", 0.4, "The name by which the sending server calls itself does not exist."),)
    return ()


_HELO_SIGNS = {
    HELO_IS_OURS: Sign("HELO_IS_US", 2.5, "The sending server claims to be this one."),
    HELO_IS_ADDRESS: Sign("HELO_ADDRESS", 0.5, "The sending server calls itself by an address instead of a name."),
    HELO_NOT_A_NAME: Sign("HELO_NO_NAME", 0.4, "The sending server does not call itself by a full name."),
}


def of_manners(signs: Iterable[str]) -> tuple[Sign, ...]:
    """Judge how a peer speaks SMTP: programs that only send junk do not wait for answers."""
    found = []
    for sign in signs:
        if sign == EARLY_TALKER:
            found.append(Sign("EARLY_TALKER", 2.0, "The sending server spoke before it was greeted."))
        elif sign == UNAUTHORISED_PIPELINING:
            found.append(Sign("PIPELINED_TOO_SOON", 1.0, "The sending server did not wait for answers that decide."))
    return tuple(found)


def of_reverse(iprev: str) -> tuple[Sign, ...]:
    """Judge the reverse lookup of RFC 8601 2.7.3."""
    if iprev == "fail":
        return (Sign("NO_REVERSE_DNS", 0.6, "The address of the sending server has no name that leads back to it."),)
    return ()


def of_authentication(spf: str, dkim: str, dmarc: str) -> tuple[Sign, ...]:
    """Judge what did not pass. That something passed proves who sent it, not that it is wanted."""
    found = []
    if dmarc == "fail":
        found.append(Sign("DMARC_FAIL", 2.0, "The author's domain does not stand behind the message."))
    if spf == "fail":
        found.append(Sign("SPF_FAIL", 1.5, "The sender's domain does not send from this address."))
    elif spf == "softfail":
        found.append(Sign("SPF_SOFTFAIL", 0.7, "The sender's domain probably does not send from this address."))
    elif spf == "permerror":
        found.append(Sign("SPF_BROKEN", 0.3, "The sender's domain has an SPF record that cannot be used."))
    if dkim in ("fail", "permerror"):
        found.append(Sign("DKIM_BROKEN", 0.5, "The message is signed, and no signature is good."))
    return tuple(found)


def of_correspondent(spf: str, dkim: str, dmarc: str, *, proves_author: bool) -> Sign | None:
    """Somebody writes to whom the inbox has written. Whose address may be forged counts little."""
    if proves_author:
        return Sign("KNOWN_CORRESPONDENT", -3.0, "This inbox has written to the sender.")
    if "fail" in (spf, dkim, dmarc) or spf == "softfail":
        return None
    return Sign("KNOWN_CORRESPONDENT", -1.0, "This inbox has written to an address like the sender's.")
