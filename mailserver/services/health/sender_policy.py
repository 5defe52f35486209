"""Whether the published policy lets this server send, and how much it asks of receivers (RFC 7208)."""

import asyncio
from concurrent.futures import Executor

from mailserver.entities.health import Finding, Status
from mailserver.mail.address import Address
from mailserver.mail.resolver import LookupFailed
from mailserver.mail.spf import Answer, Evaluation, Kind, Question, Result
from mailserver.mail.spf import Status as Verdict
from mailserver.services.health.premises import Addresses, Resolver

MOST_QUESTIONS = 150
MOST_LOOKUPS = 10  # RFC 7208 4.6.4
FEW_LOOKUPS = 8
STRANGER = "192.0.2.1"  # an address for examples, that no policy names
_WHY = "Receivers hold the address that mail comes from against this policy."


class SenderPolicy:
    """Evaluates a domain's own policy as a receiver of its mail would."""

    def __init__(self, resolver: Resolver, executor: Executor, hostname: str, addresses: Addresses) -> None:
        self._resolver = resolver
        self._executor = executor
        self._hostname = hostname
        self._addresses = addresses

    async def look(self, domain: str) -> list[Finding]:
        """A finding for each address of ours, and one for what the policy asks of everybody."""
        addresses = await self._addresses.faced()
        if not addresses:
            return [Finding("spf", Status.SKIPPED, "This machine has no address to hold against it.", _WHY, "", domain)]
        found = list(dict.fromkeys([await self._of(domain, address) for address in addresses]))
        return [*found, *await self._cost(domain)]

    async def _of(self, domain: str, address: str) -> Finding:
        result, _ = await self._evaluate(domain, address)

        def finding(status: Status, detail: str, fix: str = "") -> Finding:
            return Finding("spf", status, detail, _WHY, fix, domain)

        match result.status:
            case Verdict.PASS:
                return finding(Status.OK, f"{address} may send.")
            case Verdict.TEMPERROR:
                return finding(Status.WARNING, "DNS gave no answer about the policy.", "Try again.")
            case Verdict.NONE:
                return finding(Status.SKIPPED, "There is no policy that could be held against anything.")
            case Verdict.PERMERROR:
                return finding(
                    Status.FAILED, f"The policy cannot be used: {result.reason or 'it is broken'}",
                    f"Have one record, with at most {MOST_LOOKUPS} of include, a, mx, exists and redirect in all.",
                )  # fmt: skip
        return finding(
            Status.FAILED, f"The policy answers {result.status.value} for {address}, which this server sends from.",
            f"Let it say mx before its all, and the MX {self._hostname} have the address {address}.",
        )  # fmt: skip

    async def _cost(self, domain: str) -> list[Finding]:
        """How many questions a receiver has to ask who finds no match: all of them."""
        result, lookups = await self._evaluate(domain, STRANGER)
        if result.status is Verdict.NONE:
            return []
        detail = f"It asks {lookups} questions of {MOST_LOOKUPS} that it may ask."
        if lookups <= FEW_LOOKUPS and result.status is not Verdict.PERMERROR:
            return [Finding("spf.cost", Status.OK, detail, _WHY, "", domain)]
        status = Status.WARNING if result.status is not Verdict.PERMERROR else Status.FAILED
        return [
            Finding(
                "spf.cost", status, detail if lookups else f"The policy is broken: {result.reason}",
                "Receivers take nothing of a policy that asks more, be it by what an included one adds.",
                "Take out includes of services that do not send for the domain any more.", domain,
            )
        ]  # fmt: skip

    async def _evaluate(self, domain: str, address: str) -> tuple[Result, int]:
        """The result for an address, and how many questions that took."""
        evaluation = Evaluation(address, self._hostname, Address("postmaster", domain), self._hostname)
        loop = asyncio.get_running_loop()
        for _ in range(MOST_QUESTIONS):
            found = await loop.run_in_executor(self._executor, evaluation.advance)
            if isinstance(found, Result):
                return found, evaluation.lookups
            evaluation.answer(found, await self._ask(found, address))
        return evaluation.result(Verdict.PERMERROR, "The policy asks for too much."), evaluation.lookups

    async def _ask(self, question: Question, address: str) -> Answer:
        try:
            match question.kind:
                case Kind.TXT:
                    return (await self._resolver.text(question.name)).records
                case Kind.MX:
                    mx = await self._resolver.mx(question.name)
                    return tuple((each.preference, each.host) for each in mx.records)
                case Kind.PTR:
                    return await self._resolver.pointers(address)
                case _:
                    version = 6 if question.kind is Kind.AAAA else 4
                    return (await self._resolver.family(question.name, version)).addresses
        except LookupFailed:
            return None
