"""Judge a message: every check side by side under one deadline, added up to one explained score."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from mailserver.entities import errors, verdict
from mailserver.entities.verdict import Action, Assessment, Reason, Thresholds
from mailserver.mail import address as addresses
from mailserver.mail import address_list, peer_signs
from mailserver.mail.peer_signs import Near
from mailserver.mail.resolver import LookupFailed
from mailserver.mail.spam_status import Sign
from mailserver.services.filtering import content
from mailserver.services.filtering.content import Reading
from mailserver.services.filtering.dns_lists import DnsLists, HostLookup
from mailserver.services.filtering.evidence import Evidence, Scanner, ScannerProblem
from mailserver.services.filtering.greylist import Greylist
from mailserver.services.filtering.knowledge import Knowledge
from mailserver.storage.database import Database

DEADLINE_SECONDS = 10.0  # for everything, scanners included
CONTENT_SECONDS = 5.0
LOOKUP_SECONDS = 5.0
DATABASE_SECONDS = 3.0
EXEMPT_SCORE = -1.0  # of the welcome lists, from which on nobody is greylisted
Check = Callable[[], Awaitable[None]]
log = structlog.get_logger()


@dataclass(slots=True)
class _Found:
    """What the checks have found so far."""

    reasons: list[Reason] = field(default_factory=list)
    own: dict[int, list[Reason]] = field(default_factory=dict)
    knowing: frozenset[int] = frozenset()
    is_welcome: bool = False
    floor: Action = Action.NONE
    wait_seconds: int = 0


class Filter:
    """Assesses mail that comes in. A check that fails gives no points and stands in the log."""

    def __init__(
        self,
        database: Database,
        resolver: HostLookup,
        executor: Executor,
        lists: DnsLists,
        hostname: str,
        clock: Callable[[], int],
        thresholds: Thresholds,
        greylist: Greylist | None = None,
        scanners: Sequence[Scanner] = (),
        deadline_seconds: float = DEADLINE_SECONDS,
        near: Near | None = None,
    ) -> None:
        self._knowledge = Knowledge(database)
        self._resolver = resolver
        self._executor = executor
        self._lists = lists
        self._hostname = hostname
        self._clock = clock
        self._thresholds = thresholds
        self._greylist = greylist
        self._scanners = tuple(scanners)
        self._deadline_seconds = deadline_seconds
        self._near = near or Near()

    async def assess(self, evidence: Evidence) -> Assessment:
        """Look at a message from every side. Never raises but for cancellation."""
        found = _Found()
        until = asyncio.get_running_loop().time() + self._deadline_seconds
        checks = self._checks(evidence, found)
        if len(checks) == 1:  # a task costs more than the check of a short message
            await _guarded(*checks[0], until)
        else:
            async with asyncio.TaskGroup() as group:
                for name, check, seconds in checks:
                    group.create_task(_guarded(name, check, seconds, until))
        if evidence.inbox_ids and not evidence.is_authenticated:
            _settle_correspondents(evidence, found)
        assessment = self._added_up(evidence, found)
        if assessment.action is Action.NONE and not assessment.wait_seconds and self._may_wait(evidence, found):
            ask = partial(self._ask_greylist, evidence, found)
            await _guarded("greylist", ask, DATABASE_SECONDS, until + DATABASE_SECONDS)
            assessment = replace(assessment, wait_seconds=found.wait_seconds)
        return assessment

    def forget(self) -> None:
        """Ask the database again: an inbox has learned something, or written to somebody."""
        self._knowledge.forget()

    async def sweep(self) -> None:
        """Forget what is too old to count."""
        if self._greylist is not None:
            await self._greylist.sweep()

    def _checks(self, evidence: Evidence, found: _Found) -> list[tuple[str, Check, float]]:
        checks: list[tuple[str, Check, float]] = [
            ("content", partial(self._content, evidence, found), self._deadline_seconds)
        ]
        if not evidence.is_authenticated:
            found.reasons += _reasons(peer_signs.of_authentication(evidence.spf, evidence.dkim, evidence.dmarc))
            if not self._near.has(evidence.envelope.peer.address):
                found.reasons += _reasons(peer_signs.of_reverse(evidence.iprev))
                found.reasons += _reasons(peer_signs.of_manners(evidence.envelope.peer.signs))
                if peer_signs.is_name(evidence.envelope.peer.helo):
                    checks.append(("helo", partial(self._helo, evidence, found), LOOKUP_SECONDS))
                else:
                    signs = peer_signs.of_helo(evidence.envelope.peer.helo, self._hostname, resolves=None)
                    found.reasons += _reasons(signs)
                if self._lists.has_addresses:
                    checks.append(("lists", partial(self._address_lists, evidence, found), LOOKUP_SECONDS))
        scans = [(each.name, partial(_scan, each, evidence, found), each.timeout_seconds) for each in self._scanners]
        return [*checks, *scans]

    async def _content(self, evidence: Evidence, found: _Found) -> None:
        """Read the message, then ask what its words and domains mean."""
        async with asyncio.timeout(CONTENT_SECONDS):
            reading = await content.read(self._executor, evidence.sample, self._clock())
        found.reasons += _reasons(reading.signs)
        until = asyncio.get_running_loop().time() + LOOKUP_SECONDS
        await _guarded("knowledge", partial(self._known, evidence, reading, found), DATABASE_SECONDS, until)
        if self._lists.has_domains:
            await _guarded("domains", partial(self._domain_lists, reading, found), LOOKUP_SECONDS, until)

    async def _known(self, evidence: Evidence, reading: Reading, found: _Found) -> None:
        """What the inboxes themselves know of words and of the writer."""
        writer = "" if evidence.is_authenticated else _writer(evidence)
        reasons, found.knowing = await self._knowledge.of(evidence.inbox_ids, reading.tokens, writer)
        for inbox_id, reason in reasons.items():
            found.own.setdefault(inbox_id, []).append(reason)

    async def _domain_lists(self, reading: Reading, found: _Found) -> None:
        found.reasons += await self._lists.domains(reading.domains)

    async def _address_lists(self, evidence: Evidence, found: _Found) -> None:
        peer = peer_signs.parse(evidence.envelope.peer.address)
        if peer is None:
            return
        listed = await self._lists.address(peer)
        found.reasons += listed
        found.is_welcome = sum(reason.score for reason in listed) <= EXEMPT_SCORE

    async def _helo(self, evidence: Evidence, found: _Found) -> None:
        """Whether the name by which the peer calls itself exists at all."""
        helo = evidence.envelope.peer.helo
        resolves: bool | None = None
        with contextlib.suppress(LookupFailed):
            four = await self._resolver.family(helo, 4)
            resolves = bool(four.addresses) or bool((await self._resolver.family(helo, 6)).addresses)
        found.reasons += _reasons(peer_signs.of_helo(helo, self._hostname, resolves=resolves))

    def _added_up(self, evidence: Evidence, found: _Found) -> Assessment:
        """What counts for the only inbox counts for the message; of several each has its own."""
        reasons, own = list(found.reasons), found.own
        if len(evidence.inbox_ids) == 1:
            reasons += own.get(evidence.inbox_ids[0], [])
            own = {}
        assessment = verdict.assess(tuple(reasons), self._thresholds, found.floor, found.wait_seconds)
        single = tuple((inbox_id, reason) for inbox_id, some in own.items() for reason in some)
        return replace(assessment, own=single)

    def _may_wait(self, evidence: Evidence, found: _Found) -> bool:
        """Whether the sender is a stranger: not logged in, not vouched for, not welcome, not written to."""
        return (
            self._greylist is not None
            and not evidence.is_authenticated
            and bool(evidence.envelope.recipients)
            and not self._near.has(evidence.envelope.peer.address)
            and "pass" not in (evidence.spf, evidence.dkim)
            and not found.is_welcome
            and not found.knowing
        )

    async def _ask_greylist(self, evidence: Evidence, found: _Found) -> None:
        if self._greylist is not None:
            found.wait_seconds = await self._greylist.wait_seconds(evidence.envelope)


async def _guarded(name: str, check: Check, seconds: float, until: float) -> None:
    """Let a check have its time and no more; what goes wrong in it is its own."""
    now = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(min(now + seconds, until)):
            await check()
    except TimeoutError:
        log.warning("filter.check.expired", check=name, seconds=round(asyncio.get_running_loop().time() - now, 1))
    except (ScannerProblem, LookupFailed, errors.ServiceError, OSError) as error:
        log.warning("filter.check.failed", check=name, error=str(error))
    except Exception:  # a check stands alone: mail comes in without its opinion
        log.exception("filter.check.failed", check=name)


async def _scan(scanner: Scanner, evidence: Evidence, found: _Found) -> None:
    finding = await scanner.scan(evidence)
    found.reasons += finding.reasons
    found.floor = max(found.floor, finding.floor, key=list(Action).index)
    found.wait_seconds = max(found.wait_seconds, finding.wait_seconds)


def _settle_correspondents(evidence: Evidence, found: _Found) -> None:
    proven = evidence.proves_author
    sign = peer_signs.of_correspondent(evidence.spf, evidence.dkim, evidence.dmarc, proves_author=proven)
    if sign is None:
        return
    for inbox_id in found.knowing:
        found.own.setdefault(inbox_id, []).append(Reason(*sign))


def _reasons(signs: Sequence[Sign]) -> list[Reason]:
    return [Reason(*sign) for sign in signs]


def _writer(evidence: Evidence) -> str:
    """The author in normal form; the envelope's sender where the header names none."""
    people = address_list.parse(evidence.headers.first(b"from"))
    try:
        if people:
            return addresses.parse(people[0].address).normal
    except addresses.AddressError:
        return ""
    return evidence.envelope.sender.normal if evidence.envelope.sender else ""
