"""Reports as people read them."""

import asyncio
import gzip
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import orjson

from mailserver.entities import errors
from mailserver.entities.access import Caller, Scope
from mailserver.entities.delivery import Delivery
from mailserver.entities.paging import Page
from mailserver.entities.report import Direction, ReportKind, StoredReport
from mailserver.mail import tls_report
from mailserver.storage import deliveries, reports
from mailserver.storage.database import Database, Snapshot

MOST_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Opened:
    """A report with a part of its rows: of DMARC its records, of TLS its policies. `content` is plain JSON data.

    `rows` is how many there are in all. `deliveries` is what became of the message of one that went out.
    """

    report: StoredReport
    content: dict[str, Any]
    rows: int
    deliveries: tuple[Delivery, ...] = ()


class ReportBook:
    """Lists and opens reports."""

    def __init__(self, database: Database, executor: Executor) -> None:
        self._database = database
        self._executor = executor

    # -- for a tenant -------------------------------------------------------------------------------------------

    async def page(
        self, caller: Caller, kind: ReportKind | None, domain: str | None, position: int, limit: int
    ) -> Page[StoredReport]:
        """What came to the tenant, the newest first; to the inbox alone where the credential is bound to one."""
        caller.require(Scope.ADMIN)
        found, total = await self._database.read(
            reports.page, tenant_id=caller.tenant_id, inbox_id=caller.inbox_id, kind=kind, direction=Direction.IN,
            domain=domain, position=position, limit=limit,
        )  # fmt: skip
        return Page(tuple(found), total, position, limit)

    async def get(self, caller: Caller, number: int, position: int, limit: int) -> Opened:
        """One of them; NotFound for anybody else's."""
        caller.require(Scope.ADMIN)
        found = await self._database.read(reports.get, number)
        if found is None or not _may_see(caller, found[0]):
            raise errors.NotFound("There is no such report.")
        return await self._open(*found, position, limit)

    # -- for the operator ---------------------------------------------------------------------------------------

    async def all(
        self, kind: ReportKind | None, domain: str | None, direction: Direction | None, limit: int
    ) -> list[StoredReport]:
        """What came in and went out, the newest first."""
        found, _ = await self._database.read(
            reports.page, kind=kind, domain=domain, direction=direction, limit=min(limit, MOST_SHOWN)
        )
        return found

    async def show(self, number: int, limit: int) -> Opened:
        """One of them; NotFound where there is none."""
        found = await self._database.read(reports.get, number)
        if found is None:
            raise errors.NotFound("There is no such report.")
        return await self._open(*found, 0, limit)

    async def _open(self, report: StoredReport, body: bytes, position: int, limit: int) -> Opened:
        loop = asyncio.get_running_loop()
        content, rows = await loop.run_in_executor(self._executor, _unpacked, report.kind, body, position, limit)
        queued: tuple[Delivery, ...] = ()
        if report.queued_id:
            queued = await self._database.read(_deliveries, report.queued_id)
        return Opened(report, content, rows, queued)


def _may_see(caller: Caller, report: StoredReport) -> bool:
    own = report.direction is Direction.IN and report.tenant_id == caller.tenant_id
    return own and caller.inbox_id in (None, report.inbox_id)


def _deliveries(snapshot: Snapshot, queued_id: int) -> tuple[Delivery, ...]:
    return tuple(deliveries.of_queued(snapshot, queued_id))


def _unpacked(kind: ReportKind, body: bytes, position: int, limit: int) -> tuple[dict[str, Any], int]:
    """Our own packing, so without the bounds of a stranger's. Blocks."""
    content: dict[str, Any] = orjson.loads(gzip.decompress(body))
    name = "rows" if kind is ReportKind.DMARC else "policies"
    count = len(content[name])
    content[name] = content[name][position : position + limit]
    room = max(MOST_SHOWN, limit)  # a page is a page, whatever a stranger has put into it
    for policy in content.get("policies", ()):
        policy["details"] = policy["details"][:room]
        room -= len(policy["details"])
        for detail in policy["details"]:
            detail["sentence"] = tls_report.SENTENCES.get(detail["result_type"], "")
    return content, count
