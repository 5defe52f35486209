"""What is told of every session with a host, for the reports that its domain may want (RFC 8460)."""

from typing import Protocol

import structlog

from mailserver.entities.transport import Session

log = structlog.get_logger()


class Sessions(Protocol):
    """Whoever counts sessions."""

    def record(self, session: Session) -> None:
        """Take note of one; never waits."""
        ...


class LoggedSessions:
    """Keeps nothing but a line in the log for each that failed."""

    def record(self, session: Session) -> None:
        """Log a failure."""
        if session.result is not None:
            log.warning(
                "queue.session.failed",
                domain=session.domain,
                policy=session.policy_type.value,
                host=session.mx_host,
                address=session.receiving_address,
                result=session.result.value,
                reason=session.reason,
                explanation=session.explanation,
            )
