"""Run the scripts of those who get a message, before it is promised to anybody."""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from mailserver.entities import errors
from mailserver.entities.folder import Folder, Role
from mailserver.entities.identifiers import IdSource
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import Visibility
from mailserver.entities.sieve import VacationResponse
from mailserver.mail import address as addresses
from mailserver.mail import trace
from mailserver.mail.address import Address
from mailserver.mail.envelope import Envelope
from mailserver.mail.sieve import checker
from mailserver.mail.sieve import running as programs
from mailserver.mail.sieve.facts import Letter as Facts
from mailserver.mail.sieve.facts import World
from mailserver.mail.sieve.problem import SieveProblem
from mailserver.mail.sieve.program import Program
from mailserver.mail.sieve.result import KEPT, Filing, Result
from mailserver.memory import Memory
from mailserver.services.mailbox.acceptance import Content
from mailserver.services.sieve import answering, filing
from mailserver.services.sieve.answering import Letter, Occasion
from mailserver.services.sieve.filing import Places
from mailserver.storage import folders, inboxes, sieve_scripts, vacations
from mailserver.storage.database import Database, Snapshot, Transaction
from mailserver.storage.records import Copy

MOST_PROGRAMS = 256  # that are remembered as they were compiled
MOST_FOLDERS = 1_000  # of one inbox, those that scripts make included
ANSWERS_AN_HOUR = 200  # of one inbox
HOUR_SECONDS = 3600.0
READ_BYTES = 256 << 10
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wish:
    """What one inbox wants done. `copy` is None where it keeps none; `keeps` is None where its script says nothing."""

    copy: Copy | None
    keeps: bool | None = None
    redirects: tuple[Address, ...] = ()
    inbox_address: str = ""
    rejection: str | None = None
    letter: Letter | None = None  # where no copy carries it
    fallback: Copy | None = None  # what is stored where nobody else takes the message


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a message came. `only_goes_on`: the inbox has its copy, and its sender has been answered."""

    is_doubtful: bool = False  # whether its sender is very likely not who it says
    only_goes_on: bool = False
    had_by: frozenset[str] = frozenset()  # addresses that have had it, besides those in Delivered-To


@dataclass(frozen=True, slots=True)
class _Home:
    """What is known of an inbox when its script runs."""

    inbox: Inbox
    own: frozenset[str]
    script: tuple[int, bytes, bytes] | None
    response: VacationResponse | None
    places: Places


class Scripts:
    """Runs scripts in threads. One for the process."""

    def __init__(
        self,
        database: Database,
        ids: IdSource,
        executor: Executor,
        hostname: str,
        separator: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._ids = ids
        self._executor = executor
        self._hostname = hostname
        self._separator = separator
        self._programs: OrderedDict[bytes, Program] = OrderedDict()
        self._answers: Memory[int, int] = Memory(HOUR_SECONDS, 50_000, clock)

    async def run(
        self, envelope: Envelope, content: Content, copies: Sequence[Copy], circumstances: Circumstances
    ) -> dict[int, Wish]:
        """What inboxes with a script, or with an absence notice, want done; by inbox. Junk stays what it is."""
        wanted = [copy for copy in copies if copy.role == Role.INBOX and copy.visibility == Visibility.NORMAL]
        if not wanted:
            return {}
        homes = await self._database.read(_look, [copy.inbox_id for copy in wanted])
        wishes = {}
        for copy in wanted:
            home = homes.get(copy.inbox_id)
            if home is not None and (home.script is not None or home.response is not None):
                occasion = Occasion(
                    envelope, content.headers(), home.inbox, home.own, self._separator, circumstances.is_doubtful,
                    circumstances.only_goes_on, circumstances.had_by,
                )  # fmt: skip
                wishes[copy.inbox_id] = await self._wish(occasion, content, copy, home)
        return wishes

    async def _wish(self, occasion: Occasion, content: Content, copy: Copy, home: _Home) -> Wish:
        result = KEPT
        if home.script is not None:
            result = await self._result(occasion.envelope, content, copy, home)
        if result.rejection is not None:
            block = content.head()[: content.body_offset]
            letter = answering.refusal(occasion, copy.recipient, result.rejection.reason, block)
            return Wish(None, False, rejection=result.rejection.reason, letter=letter)
        redirects = self._redirects(occasion, result)
        if len(redirects) < len(result.redirects) and not result.filings:
            result = replace(result, filings=KEPT.filings)  # what would come back here stays here
        letter = await self._letter(occasion, copy, home, result)
        if not result.filings:
            return Wish(None, False, redirects, home.inbox.address, letter=letter, fallback=copy)
        kept = await self._filed(copy, home, result.filings)
        if letter is not None:
            kept = replace(kept, letter=letter.as_json())
        keeps = True if home.script is not None and (result.filings != KEPT.filings or redirects) else None
        return Wish(kept, keeps, redirects, home.inbox.address)

    # -- the program --------------------------------------------------------------------------------------------

    async def _result(self, envelope: Envelope, content: Content, copy: Copy, home: _Home) -> Result:
        """Run the script; whatever goes wrong, the message is kept."""
        assert home.script is not None, "the caller has looked"
        script_id, digest, octets = home.script
        where = {"inbox_id": copy.inbox_id, "script_id": script_id, "message_id": copy.message_id}
        loop = asyncio.get_running_loop()
        try:
            program = self._programs.get(digest)
            if program is None:
                program = await loop.run_in_executor(self._executor, checker.compile_script, octets)
            self._remember(digest, program)
            if "body" in program.capabilities and content.is_spooled:
                await content.flush()
            facts = Facts(
                content.headers(), content.size, str(envelope.sender or ""), copy.recipient, lambda: _whole(content)
            )
            world = self._world(envelope, home)
            result = await loop.run_in_executor(self._executor, programs.run, program, facts, world)
        except SieveProblem as problem:  # kept by a version that knew more
            log.error("sieve.script.unusable", problem=str(problem), **where)
            return KEPT
        except errors.ServiceError:
            raise
        except Exception:  # the root of a script: the message must arrive whatever a script does
            log.exception("sieve.script.failed", **where)
            return KEPT
        if result.problem:
            log.warning("sieve.script.failed", problem=result.problem, **where)
        log.info(
            "sieve.script.ran", filed=len(result.filings), redirected=len(result.redirects),
            rejected=result.rejection is not None, answered=result.vacation is not None, **where,
        )  # fmt: skip
        return result

    def _remember(self, digest: bytes, program: Program) -> None:
        self._programs[digest] = program
        self._programs.move_to_end(digest)
        if len(self._programs) > MOST_PROGRAMS:
            self._programs.popitem(last=False)

    def _world(self, envelope: Envelope, home: _Home) -> World:
        return World(
            int(time.time()), _zone(home.inbox.default_timezone), frozenset(home.places.by_path),
            home.places.special_uses,
            {
                "domain": home.inbox.address.rpartition("@")[2], "host": self._hostname, "location": "MTA",
                "name": "mailserver", "phase": "during", "remote-ip": envelope.peer.address,
                "remote-host": envelope.peer.helo,
            },
            self._separator,
        )  # fmt: skip

    # -- what it wants ------------------------------------------------------------------------------------------

    def _redirects(self, occasion: Occasion, result: Result) -> tuple[Address, ...]:
        """Where it goes on to: nobody who has had it already, and not back to the inbox."""
        if not result.redirects:
            return ()
        had_by = occasion.had_by | trace.delivered_to_addresses(occasion.head)
        if not occasion.is_passing and occasion.inbox.address in had_by:
            log.warning("sieve.redirect.looping", inbox_id=occasion.inbox.id)
            return ()
        had_by |= occasion.own
        parsed = [addresses.parse(text) for text in result.redirects]
        return tuple(each for each in parsed if not {each.normal, each.without_tag(self._separator).normal} & had_by)

    async def _letter(self, occasion: Occasion, copy: Copy, home: _Home, result: Result) -> Letter | None:
        """The absence notice that is due, by the script's words before those of the inbox."""
        vacation = result.vacation
        if occasion.is_passing:
            return None
        if vacation is None and (home.response is None or not home.response.answers_at(int(time.time() * 1000))):
            return None
        further = vacation.addresses if vacation else ()
        loop = asyncio.get_running_loop()  # some messages are addressed to thousands
        why = await loop.run_in_executor(self._executor, answering.why_not, occasion, further)
        if why:
            log.info("sieve.answer.withheld", inbox_id=copy.inbox_id, message_id=copy.message_id, why=why)
            return None
        count = (self._answers.get(copy.inbox_id) or 0) + 1
        if count > ANSWERS_AN_HOUR:
            log.warning("sieve.answer.withheld", inbox_id=copy.inbox_id, message_id=copy.message_id, why="rate")
            return None
        self._answers.put(copy.inbox_id, count)
        if vacation is not None:
            return answering.absence(occasion, copy.recipient, vacation)
        assert home.response is not None, "one of the two is there"
        return answering.response(occasion, copy.recipient, home.response)

    async def _filed(self, copy: Copy, home: _Home, filings: Sequence[Filing]) -> Copy:
        """The copy in its folders; what names a folder that is not there leaves it in the Inbox."""
        found = []
        for one in filings:
            folder = home.places.find(one)
            if folder is None and one.creates:
                folder = await self._made(copy.inbox_id, one.folder)
            if folder is None:
                log.info("sieve.folder.missing", inbox_id=copy.inbox_id, message_id=copy.message_id)
                folder = home.places.by_role[Role.INBOX]
            found.append(folder)
        return filing.placed(copy, found, [flag for one in filings for flag in one.flags])

    async def _made(self, inbox_id: int, path: str) -> Folder | None:
        """Make a folder, with those above it (RFC 5490 3.2); None where it cannot be."""
        names = filing.steps(path)
        if names is None:
            return None

        def write(tx: Transaction) -> Folder | None:
            above: int | None = None
            for depth in range(1, len(names) + 1):
                every = folders.of_inbox(tx, inbox_id)
                known = filing.places(every).by_path.get(filing.SEPARATOR.join(names[:depth]).lower())
                if known is None:
                    if len(every) >= MOST_FOLDERS:
                        return None
                    made = self._ids.next()
                    folders.add(tx, inbox_id, made, names[depth - 1], above)
                    known = folders.get(tx, inbox_id, made)
                assert known is not None, "it was written in this transaction"
                above = known.id
            return known

        return await self._database.write(write)


def _look(snapshot: Snapshot, inbox_ids: Sequence[int]) -> dict[int, _Home]:
    scripts = sieve_scripts.active(snapshot, inbox_ids)
    responses = vacations.enabled(snapshot, inbox_ids)
    homes = {}
    for inbox_id in scripts.keys() | responses.keys():
        inbox = inboxes.get(snapshot, inbox_id)
        if inbox is not None:
            own = frozenset({inbox.address, *inboxes.aliases(snapshot, inbox_id)})
            known = filing.places(folders.of_inbox(snapshot, inbox_id))
            homes[inbox_id] = _Home(inbox, own, scripts.get(inbox_id), responses.get(inbox_id), known)
    return homes


def _whole(content: Content) -> bytes:
    """All of a message. Blocks where it is in its spool."""
    if not content.is_spooled:
        return content.octets()
    pieces = []
    at, end = len(content.prefix), len(content.prefix) + content.size
    while at < end and (chunk := os.pread(content.spool, min(READ_BYTES, end - at), at)):
        pieces.append(chunk)
        at += len(chunk)
    return b"".join(pieces)


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
