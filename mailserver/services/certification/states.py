"""How certificates stand, for whoever watches them."""

from dataclasses import dataclass

from mailserver.certificates.attempts import Attempt
from mailserver.certificates.served import Shown
from mailserver.services.certification import timing
from mailserver.services.certification.names import LeftOut, Wanted


@dataclass(frozen=True, slots=True)
class CertificateState:
    """One certificate; times are unix milliseconds, None where there is none.

    `source` is operator, acme or self-signed, and empty where nothing is there yet.
    """

    name: str
    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    source: str
    issuer: str
    not_before_at: int | None
    not_after_at: int | None
    renew_at: int | None
    last_attempt_at: int | None
    last_error: str
    next_attempt_at: int | None
    next_tlsa: str  # the record to publish before the next key is used


def describe(
    name: str, shown: Shown | None, wanted: Wanted | None, attempt: Attempt, next_tlsa: str
) -> CertificateState:
    """Put together what is known of a certificate; what nobody renews here has no time for that."""
    is_ours = wanted is not None and bool(wanted.names)
    due = timing.due_at(shown.leaf, attempt) if is_ours and shown is not None and shown.source == "acme" else None
    return CertificateState(
        name=name,
        names=shown.leaf.names if shown else (),
        left_out=wanted.left_out if wanted else (),
        source=shown.source.value if shown else "",
        issuer=shown.leaf.issuer if shown else "",
        not_before_at=shown.leaf.not_before_at if shown else None,
        not_after_at=shown.leaf.not_after_at if shown else None,
        renew_at=due,
        last_attempt_at=attempt.last_at or None,
        last_error=attempt.last_error,
        next_attempt_at=max(due or 0, attempt.not_before_at) or None if is_ours else None,
        next_tlsa=next_tlsa,
    )
