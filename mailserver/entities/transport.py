"""How privately mail travels: what a destination asks for, and what became of each session with its hosts."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.mail import mtasts
from mailserver.mail.mtasts import Policy


class PolicyType(StrEnum):
    """What a session was held to (RFC 8460 4.2)."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


class ResultType(StrEnum):
    """What went wrong (RFC 8460 4.3)."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that went wrong: its type, a word for the report, and a sentence for the operator, without its dot."""

    result: ResultType
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Session:
    """One attempt to talk to one host, as a report counts it (RFC 8460 4.4). `result` is None where all was well."""

    day: str  # UTC, 2026-11-21
    domain: str  # the recipients': its TLSRPT record says who gets the report
    policy_type: PolicyType
    policy_strings: tuple[str, ...]
    policy_domain: str  # RFC 8460 1.1: with DANE the MX host, else the recipients' domain
    policy_hosts: tuple[str, ...]  # the mx patterns of an MTA-STS policy
    mx_host: str
    sending_address: str  # '' where nothing was connected
    receiving_address: str
    result: ResultType | None = None
    reason: str = ""  # failure-reason-code
    explanation: str = ""  # additional-information: the sentence


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A domain's MTA-STS policy as it was fetched. Times are unix milliseconds."""

    domain: str
    policy_id: str
    body: bytes
    fetched_at: int
    expires_at: int

    @property
    def policy(self) -> Policy:
        """The policy that the body holds."""
        return mtasts.parse(self.body)


@dataclass(frozen=True, slots=True)
class StsAnswer:
    """What is known of a domain's MTA-STS: its policy, or why there is none although one is announced."""

    policy: Policy | None = None
    lines: tuple[str, ...] = ()
    fault: Fault | None = None
