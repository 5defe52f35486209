"""What a destination asks of the connections to its hosts, and the trouble when it does not get it."""

from dataclasses import dataclass, field

from mailserver.entities.transport import Fault, PolicyType
from mailserver.mail.resolver import Tlsa
from mailserver.queue.tls import TlsLevel
from mailserver.queue.wire import Broken


@dataclass(frozen=True, slots=True)
class Demand:
    """A policy as it is for one host. Destinations whose demands are equal may share a connection."""

    type: PolicyType = PolicyType.NONE
    least: TlsLevel = TlsLevel.CLEAR  # with less nothing is sent
    records: tuple[Tlsa, ...] = ()  # DANE: what the host's certificates are held against
    names: tuple[str, ...] = ()  # DANE: those that a certificate below a trust anchor may have
    patterns: tuple[str, ...] = ()  # MTA-STS: the hosts that the policy names
    fault: Fault | None = None  # known before anything is connected
    is_closed: bool = False  # and the fault is such that nothing may be sent there
    is_waived: bool = False  # the sender gave up every policy (RFC 8689 4.2.2)
    domain: str = field(default="", compare=False)
    policy_domain: str = field(default="", compare=False)
    strings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def owner(self) -> str:
        """Who demands it, as a sentence has it."""
        if self.type is PolicyType.STS:
            return f"the MTA-STS policy of {self.policy_domain}"
        return f"the DANE policy of {self.policy_domain}"


NOTHING = Demand()
WAIVED = Demand(is_waived=True)


class Distrusted(Broken):
    """The host is not as private as its policy demands; mail waits until it is, or the policy is another."""

    def __init__(self, fault: Fault, enhanced: str = "4.7.5") -> None:
        self.fault = fault
        super().__init__(fault.text, enhanced)
