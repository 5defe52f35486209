"""How certificates stand, for whoever watches them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.certificates.attempts import Attempt
from mailserver.certificates.revocations import Revocation
from mailserver.certificates.served import Shown
from mailserver.services.certification import timing
from mailserver.services.certification.names import LeftOut, Wanted


@dataclass(frozen=True, slots=True)
class Earlier:
    """A certificate that another one has replaced, and that has not ended yet."""

    serial: str
    not_after_at: int


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
    next_key_at: int | None = None  # when that is, as far as it can be told
    serial: str = ""
    earlier: tuple[Earlier, ...] = ()
    revoked_for: str = ""  # the reason, where the authority was asked to revoke what is shown


@dataclass(frozen=True, slots=True)
class Changed:
    """A certificate whose key is to change, or has: the TLSA records to publish and to take away, where it has any.

    `state` is None where there is no such certificate any more.
    """

    name: str
    state: CertificateState | None
    publish: str = ""
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Revoked:
    """What became of a wish to have certificates revoked, and what that means for TLSA records.

    `error` is what the authority said last where it has not done it; `is_refused` where that is final.
    """

    changed: Changed
    serials: tuple[str, ...]
    reason: str
    is_done: bool
    error: str
    is_refused: bool


def revoked(found: Sequence[Revocation], reason: str, changed: Changed) -> Revoked:
    """Put together what became of several certificates."""
    errors = [one.last_error for one in found if one.last_error]
    return Revoked(
        changed=changed,
        serials=tuple(one.serial for one in found),
        reason=found[0].reason.value if found else reason,
        is_done=all(one.revoked_at for one in found),
        error=next(iter(errors), ""),
        is_refused=any(one.is_refused for one in found),
    )


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
        next_key_at=timing.ripe_at(attempt) if next_tlsa else None,
        serial=shown.leaf.serial if shown else "",
    )
