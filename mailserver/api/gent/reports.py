"""Endpoints of reports: what others say about mail in our domains' names and on its way to them."""

from typing import Any

from mailserver.api.gent import present, times
from mailserver.api.gent.schemas import reports as shapes
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import BadIdentifier, Kind
from mailserver.entities.report import ReportKind, StoredReport
from mailserver.http.routing import get
from mailserver.services.registry import Services


class ReportsPage:
    """Aggregate reports that came in."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/reports/", scope=Scope.ADMIN)
    async def list_reports(self, caller: Caller, query: shapes.ListReports) -> shapes.ReportList:
        """List reports about your domains, newest first.

        A token that is bound to an inbox sees those that came to it. A report is there within a minute of its message.
        """
        kind = ReportKind(query.kind) if query.kind else None
        domain = query.domain.lower() if query.domain else None
        page = await self._services.reporting.book.page(caller, kind, domain, query.position, query.limit)
        return shapes.ReportList(
            results=[shapes.ReportRow.model_validate(_row(report)) for report in page.items],
            total=page.total or 0,
            position=page.position,
            limit=page.limit,
        )

    @get("/reports/{report_id}/", scope=Scope.ADMIN)
    async def get_report(self, caller: Caller, report_id: str, query: shapes.OpenReport) -> shapes.ReportShown:
        """Get a report with its rows."""
        try:
            number = identifiers.decode(Kind.REPORT, report_id)
        except BadIdentifier as error:
            raise errors.NotFound("There is no such report.") from error
        opened = await self._services.reporting.book.get(caller, number, query.position, query.limit)
        contents: dict[str, Any] = {"dmarc": None, "tls": None}
        contents[opened.report.kind.value] = opened.content
        return shapes.ReportShown.model_validate({**_row(opened.report), "rows": opened.rows, **contents})


def _row(report: StoredReport) -> dict[str, Any]:
    return {
        "id": identifiers.encode(Kind.REPORT, report.id),
        "kind": report.kind.value,
        "domain": report.domain,
        "organization": report.organization,
        "submitter": report.submitter,
        "report_id": report.report_id,
        "begin_at": times.write(report.begin_at, None),
        "end_at": times.write(report.end_at, None),
        "total": report.total,
        "failed": report.failed,
        "is_authenticated": report.is_authenticated,
        "message_id": present.message_id(report.message_id),
        "received_at": times.write(report.created_at, None),
    }
