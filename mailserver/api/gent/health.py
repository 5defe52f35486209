"""The endpoint of the health page."""

from mailserver.api.gent import times
from mailserver.api.gent.schemas import health as shapes
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.http.routing import get
from mailserver.services.registry import Services


class HealthPage:
    """Whether all is well, and how to mend what is not."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/health/", scope=Scope.ADMIN, credentials=frozenset({Credential.SESSION}))
    async def get_health(self, caller: Caller) -> shapes.HealthReport:
        """Get how the tenant's domains stand, and the server where its owners run it; for owners.

        The answer is up to a minute old.
        """
        report = await self._services.health.doctor.report(caller)
        return shapes.HealthReport(
            status=report.status.value,
            checked_at=times.write(report.checked_at, None),
            server=report.with_server,
            findings=[
                shapes.FindingShown(
                    check=each.check, status=each.status.value, subject=each.subject, detail=each.detail,
                    why=each.why, fix=each.fix,
                )
                for each in report.findings
            ],
        )  # fmt: skip
