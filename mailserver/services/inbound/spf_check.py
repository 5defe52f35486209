"""SPF of one sender, asked of DNS question by question (RFC 7208)."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from mailserver.mail import spf
from mailserver.mail.address import Address
from mailserver.mail.resolver import LookupFailed
from mailserver.mail.spf import Answer, Evaluation, Identity, Kind, Question, Result, Status
from mailserver.memory import Memory
from mailserver.services.inbound.dns_watch import Dns

MOST_QUESTIONS = 150  # ten terms, each with ten hosts, and what belongs to them
REMEMBERED_SECONDS = 60.0
REMEMBERED_RESULTS = 10_000


class SpfCheck:
    """Checks senders and HELO names. One for the process."""

    def __init__(self, resolver: Dns, executor: Executor, hostname: str, clock: Callable[[], float]) -> None:
        self._dns = resolver
        self._executor = executor
        self._hostname = hostname
        self._memory: Memory[tuple[str, str, str, str | None], Result] = Memory(
            REMEMBERED_SECONDS, REMEMBERED_RESULTS, clock
        )

    def known(self, address: str, helo: str, sender: Address | None) -> Result | None:
        """The result where memory has it, or where no question is needed. `sender` is None for the HELO identity."""
        domain = helo if sender is None else sender.domain
        if not spf.is_domain(domain):
            return self.plain(Status.NONE, helo, sender)
        found = self._memory.get((address, helo, domain, None))
        if found is None:
            found = self._memory.get((address, helo, domain, _local(sender)))
        if found is None:
            return None
        identity = Identity.HELO if sender is None else Identity.MAILFROM
        return replace(found, identity=identity, sender="" if sender is None else str(sender))

    async def check(self, address: str, helo: str, sender: Address | None) -> Result:
        """Ask and evaluate. DNS failures are temperror."""
        domain = helo if sender is None else sender.domain
        policies = await self._ask(Question(Kind.TXT, domain), address)
        if policies is None:
            return self.plain(Status.TEMPERROR, helo, sender, "DNS gave no answer.")
        if not any(isinstance(each, bytes) and spf.is_policy(each) for each in policies):
            return self._remember(self.plain(Status.NONE, helo, sender), address, helo, None)
        evaluation = Evaluation(address, helo, sender, self._hostname)
        evaluation.answer(Question(Kind.TXT, domain.removesuffix(".").lower()), policies)
        result = await self._evaluate(evaluation, address)
        local = _local(sender) if evaluation.depends_on_local else None
        return self._remember(result, address, helo, local)

    def plain(self, status: Status, helo: str, sender: Address | None, reason: str = "") -> Result:
        """A result that needs no evaluation."""
        if sender is None:
            return Result(status, Identity.HELO, helo if spf.is_domain(helo) else "", reason=reason)
        return Result(status, Identity.MAILFROM, sender.domain, str(sender), reason)

    def _remember(self, result: Result, address: str, helo: str, local: str | None) -> Result:
        if result.status is not Status.TEMPERROR:
            self._memory.put((address, helo, result.domain, local), result)
        return result

    async def _evaluate(self, evaluation: Evaluation, address: str) -> Result:
        loop = asyncio.get_running_loop()
        for _ in range(MOST_QUESTIONS):
            if evaluation.octets > spf.HEAVY_OCTETS:
                found = await loop.run_in_executor(self._executor, evaluation.advance)
            else:
                found = evaluation.advance()
            if isinstance(found, Result):
                return found
            answer = await self._ask(found, address)
            evaluation.answer(found, answer)
            foreseen = spf.follow_ups(found, answer, address)
            if foreseen:
                async with asyncio.TaskGroup() as group:
                    for question in foreseen:
                        group.create_task(self._learn(evaluation, question, address))
        return evaluation.result(Status.PERMERROR, "The policy asks for too much.")

    async def _learn(self, evaluation: Evaluation, question: Question, address: str) -> None:
        evaluation.answer(question, await self._ask(question, address))

    async def _ask(self, question: Question, address: str) -> Answer:
        try:
            match question.kind:
                case Kind.TXT:
                    return (await self._dns.text(question.name)).records
                case Kind.MX:
                    return tuple([(each.preference, each.host) for each in (await self._dns.mx(question.name)).records])
                case Kind.PTR:
                    return await self._dns.pointers(address)
                case _:
                    version = 6 if question.kind is Kind.AAAA else 4
                    return (await self._dns.family(question.name, version)).addresses
        except LookupFailed:
            return None


def _local(sender: Address | None) -> str:
    return "postmaster" if sender is None else sender.local  # RFC 7208 2.4
