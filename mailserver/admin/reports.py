"""Verbs about aggregate reports."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import BadIdentifier, Kind
from mailserver.entities.report import Direction, ReportKind, StoredReport
from mailserver.services.registry import Services

Arguments = dict[str, Any]
MOST_ROWS = 100_000


def table(services: Services) -> dict[str, Callable[[Arguments], Awaitable[Any]]]:
    """The verbs by name."""
    reporting = services.reporting

    async def shown(given: Arguments) -> list[Arguments]:
        await reporting.reading.run()  # what has just come in is in the list
        kind, direction = given.get("kind"), given.get("direction")
        found = await reporting.book.all(
            ReportKind(kind) if kind else None, given.get("domain"), Direction(direction) if direction else None,
            given.get("limit") or 100,
        )  # fmt: skip
        return [_row(one) for one in found]

    async def show(given: Arguments) -> Arguments:
        opened = await reporting.book.show(_number(given["id"]), given.get("limit") or MOST_ROWS)
        deliveries = [
            {
                "id": identifiers.encode(Kind.DELIVERY, one.id), "recipient": one.recipient, "state": one.state.value,
                "last_reply": one.last_reply,
            }
            for one in opened.deliveries
        ]  # fmt: skip
        return _row(opened.report) | {"content": opened.content, "rows": opened.rows, "deliveries": deliveries}

    async def send(given: Arguments) -> Arguments:
        return dict(await reporting.daily.send(with_today=bool(given.get("today"))))

    return {"reports.list": shown, "reports.show": show, "reports.send": send}


def _number(text: str) -> int:
    try:
        return identifiers.decode(Kind.REPORT, text)
    except BadIdentifier as error:
        raise errors.Invalid(f"{text!r} is not an id of the form {Kind.REPORT.value}_….") from error


def _row(report: StoredReport) -> Arguments:
    row = asdict(report)
    row["id"] = identifiers.encode(Kind.REPORT, report.id)
    for name, kind in (
        ("tenant_id", Kind.TENANT), ("inbox_id", Kind.INBOX), ("message_id", Kind.MESSAGE), ("queued_id", Kind.QUEUED),
    ):  # fmt: skip
        row[name] = identifiers.encode(kind, row[name]) if row[name] else None
    return row
