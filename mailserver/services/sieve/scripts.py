"""The scripts of an inbox (RFC 9661): kept, checked, one of them active."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import structlog

from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import IdSource, Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.sieve import SieveScript
from mailserver.mail.sieve import checker, language, machine, parser
from mailserver.mail.sieve.problem import SieveProblem
from mailserver.mail.sieve.program import Program
from mailserver.services.outbound.senders import refuse_unless_allowed
from mailserver.storage import changes, inboxes, sieve_scripts
from mailserver.storage.database import Database, Snapshot, Transaction

MOST = 100  # of one inbox
LONGEST_NAME = 512  # octets (RFC 9661 1.1.1)
LARGEST_BYTES = parser.LARGEST_BYTES
MOST_REDIRECTS = machine.MOST_REDIRECTS
CAPABILITIES = language.CAPABILITIES
SMALL_BYTES = 4 << 10  # that are checked in less than a millisecond
_SENDING = frozenset({"redirect", "vacation", "reject", "ereject"})
Done = TypeVar("Done", SieveScript, SieveScript | None)
log = structlog.get_logger()


class SieveScripts:
    """Every path to scripts. Who may not send cannot let a script send for him."""

    def __init__(self, database: Database, ids: IdSource, executor: Executor) -> None:
        self._database = database
        self._ids = ids
        self._executor = executor

    async def all_of(self, caller: Caller, inbox: Inbox) -> list[SieveScript]:
        """The scripts of an inbox by name."""
        caller.require(Scope.EMAIL_READ)
        return await self._database.read(sieve_scripts.of_inbox, inbox.id)

    async def state(self, inbox: Inbox) -> int:
        """The number of the newest change to the scripts of an inbox."""
        return await self._database.read(changes.state, inbox.id, changes.SIEVE_SCRIPT)

    async def content(self, caller: Caller, inbox: Inbox, digest: bytes) -> bytes:
        """The content that a script's hash names; NotFound where no script of the inbox has it."""
        caller.require(Scope.EMAIL_READ)
        found = await self._database.read(sieve_scripts.content, inbox.id, digest)
        if found is None:
            raise errors.NotFound("There is no such script.")
        return found

    async def validate(self, octets: bytes) -> Program:
        """Check a script; BadScript says the line and the cause."""
        try:
            if len(octets) <= SMALL_BYTES:
                return checker.compile_script(octets)
            work = asyncio.get_running_loop().run_in_executor(self._executor, checker.compile_script, octets)
            return await work
        except SieveProblem as problem:
            raise errors.BadScript(str(problem), content=str(problem)) from problem

    async def create(
        self, caller: Caller, inbox: Inbox, name: str | None, octets: bytes, *, activates: bool = False
    ) -> SieveScript:
        """Keep a script; without a name the server chooses one. Taken where the name is in use."""
        await self._check(caller, octets)
        number = self._ids.next()
        wanted = _name(name) if name is not None else identifiers.encode(Kind.SIEVE_SCRIPT, number)

        def write(tx: Transaction) -> SieveScript:
            if inboxes.get(tx, inbox.id) is None:
                raise errors.NotFound("There is no such inbox.")
            if sieve_scripts.count(tx, inbox.id) >= MOST:
                raise errors.Conflict(f"An inbox has {MOST} scripts at most.")
            _refuse_taken(tx, inbox.id, wanted, number)
            return self._put(tx, inbox, number, wanted, octets, activates=activates)

        return await self._written("created", inbox, write)

    async def update(
        self, caller: Caller, inbox: Inbox, text: str, *, name: str | None = None, octets: bytes | None = None
    ) -> SieveScript:
        """Rename a script, or give it another content; None leaves it as it is."""
        caller.require(Scope.EMAIL_WRITE)
        if octets is not None:
            await self._check(caller, octets)
        wanted = _name(name) if name is not None else None

        def write(tx: Transaction) -> SieveScript:
            known = one(tx, inbox.id, text)
            if wanted is not None:
                _refuse_taken(tx, inbox.id, wanted, known.id)
            kept = octets if octets is not None else sieve_scripts.content(tx, inbox.id, known.hash) or b""
            return self._put(tx, inbox, known.id, wanted or known.name, kept)

        return await self._written("changed", inbox, write)

    async def destroy(self, caller: Caller, inbox: Inbox, text: str) -> None:
        """Delete a script; Conflict where it is the active one."""
        caller.require(Scope.EMAIL_WRITE)

        def write(tx: Transaction) -> SieveScript:
            known = one(tx, inbox.id, text)
            if known.is_active:
                raise errors.Conflict("The script is active; activate another one, or none, first.")
            sieve_scripts.remove(tx, inbox.id, known.id)
            return known

        await self._written("destroyed", inbox, write)

    async def activate(self, caller: Caller, inbox: Inbox, text: str | None) -> None:
        """Let one script run at delivery in the place of any other; None for no script at all."""
        caller.require(Scope.EMAIL_WRITE)
        program = None
        if text is not None:
            program = await self.validate(await self._database.read(_content, inbox.id, text))
            _refuse_sending(caller, program)

        def write(tx: Transaction) -> SieveScript | None:
            known = one(tx, inbox.id, text) if text is not None else None
            sieve_scripts.activate(tx, inbox.id, known.id if known else None)
            tx.ring("accounts")  # routes say which inboxes have a script
            return known

        await self._written("activated", inbox, write)

    async def _check(self, caller: Caller, octets: bytes) -> None:
        caller.require(Scope.EMAIL_WRITE)
        if len(octets) > LARGEST_BYTES:
            raise errors.TooLarge(f"A script has {LARGEST_BYTES >> 10} KB at most.")
        _refuse_sending(caller, await self.validate(octets))

    def _put(
        self, tx: Transaction, inbox: Inbox, number: int, name: str, octets: bytes, *, activates: bool = False
    ) -> SieveScript:
        digest, now = hashlib.sha256(octets).digest(), int(time.time() * 1000)
        made = SieveScript(number, inbox.tenant_id, inbox.id, name, digest, len(octets), False, now)
        sieve_scripts.put(tx, made, octets)
        if activates:
            sieve_scripts.activate(tx, inbox.id, number)
        tx.ring("accounts")
        found = sieve_scripts.get(tx, inbox.id, number)
        assert found is not None, "it was written in this transaction"
        return found

    async def _written(self, what: str, inbox: Inbox, write: Callable[[Transaction], Done]) -> Done:
        done = await self._database.write(write)
        log.info("sieve.script.written", what=what, inbox_id=inbox.id, script_id=done.id if done is not None else None)
        return done


def one(snapshot: Snapshot, inbox_id: int, text: str) -> SieveScript:
    """A script of an inbox by its id; NotFound for another's."""
    try:
        found = sieve_scripts.get(snapshot, inbox_id, identifiers.decode(Kind.SIEVE_SCRIPT, text))
    except identifiers.BadIdentifier:
        found = None
    if found is None:
        raise errors.NotFound("There is no such script.")
    return found


def _content(snapshot: Snapshot, inbox_id: int, text: str) -> bytes:
    return sieve_scripts.content(snapshot, inbox_id, one(snapshot, inbox_id, text).hash) or b""


def _refuse_taken(tx: Transaction, inbox_id: int, name: str, own_id: int) -> None:
    there = sieve_scripts.by_name(tx, inbox_id, name)
    if there is not None and there.id != own_id:
        raise errors.Taken(f"There is a script {name} already.", name="The name is in use.")


def _refuse_sending(caller: Caller, program: Program) -> None:
    """A script that sends needs somebody who may; one that passes mail on, somebody who may read it."""
    if program.actions & _SENDING:
        refuse_unless_allowed(caller)
    if "redirect" in program.actions:
        caller.require(Scope.EMAIL_READ)


def _name(text: str) -> str:
    """RFC 9661 1.1.1: between 1 and 512 octets of Unicode without controls."""
    is_plain = all(letter.isprintable() for letter in text)
    if not text.strip() or len(text.encode("utf-8", "replace")) > LONGEST_NAME or not is_plain:
        sentence = f"A script's name has between 1 and {LONGEST_NAME} octets, and no control characters."
        raise errors.Invalid(sentence, name=sentence)
    return text
