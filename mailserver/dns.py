"""Cached async DNS lookups behind mail.resolver.Resolver."""

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename

from mailserver.entities.figures import QUICK_SECONDS, Spread
from mailserver.mail.resolver import HostAnswer, LookupFailed, Mx, MxAnswer, TextAnswer, Tlsa, TlsaAnswer

DNS_PORT = 53
LIFETIME_SECONDS = 10.0  # one question with all its repeats
SERVER_SECONDS = 3.0  # one server's answer
CACHED_ANSWERS = 20_000
EDNS_PAYLOAD_BYTES = 1232  # what passes every path unfragmented (DNS flag day 2020)
MAX_RECORDS = 100  # of one answer: more is an attack or an accident
LONGEST_SECONDS = 86_400.0  # that an answer is believed, whatever its TTL says
NEGATIVE_SECONDS = 60.0  # where a name is denied and no SOA says for how long (RFC 2308 5)
FAILURE_SECONDS = 5.0  # RFC 9520 3.2: a failure is remembered too, or one dead zone is asked for every message


@dataclass(frozen=True, slots=True)
class _Rows:
    """What DNS said about one name and type."""

    records: tuple[object, ...]
    exists: bool
    authentic: bool  # the AD bit
    seconds: float  # that it may be believed
    canonical: str = ""  # the name at the end of aliases, where it is another


def parse_nameserver(text: str) -> tuple[str, int]:
    """Read `127.0.0.1`, `127.0.0.1:5302`, `::1` or `[::1]:5302`; ValueError otherwise."""
    host, port = text, DNS_PORT
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest:
            port = _port(rest.removeprefix(":"), text)
    elif text.count(":") == 1:
        host, _, number = text.partition(":")
        port = _port(number, text)
    return str(ipaddress.ip_address(host)), port


def _port(number: str, text: str) -> int:
    if not number.isascii() or not number.isdigit() or not 0 < int(number) < 65536:
        raise ValueError(f"{text!r} is not an address with a port.")
    return int(number)


class DnsResolver:
    """Answers mail's questions from DNS. Without nameservers it asks the ones that the system is set to use.

    The AD bit is only worth as much as the path to the nameserver: trust it from one on this machine.
    """

    def __init__(
        self,
        nameservers: Sequence[str] = (),
        lifetime_seconds: float = LIFETIME_SECONDS,
        server_seconds: float = SERVER_SECONDS,
        cached_answers: int = CACHED_ANSWERS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        resolver = dns.asyncresolver.Resolver(configure=not nameservers)
        if nameservers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(*parse_nameserver(text)) for text in nameservers]
        resolver.use_edns(0, dns.flags.DO, EDNS_PAYLOAD_BYTES)
        resolver.flags = dns.flags.RD | dns.flags.AD
        resolver.lifetime = lifetime_seconds
        resolver.timeout = server_seconds
        self._resolver = resolver
        self._clock = clock
        self._most = cached_answers
        self._known: dict[tuple[str, dns.rdatatype.RdataType], tuple[float, _Rows | LookupFailed]] = {}
        self._asking: dict[tuple[str, dns.rdatatype.RdataType], asyncio.Future[_Rows]] = {}
        self.questions: Counter[tuple[str, str]] = Counter()  # type, result: of what was asked, not remembered
        self.answer_seconds = Spread(QUICK_SECONDS)

    async def mx(self, domain: str) -> MxAnswer:
        """MX records of a domain; the null MX has the host ''."""
        answer = await self._ask(domain, dns.rdatatype.MX)
        records = tuple(Mx(row.preference, _host(row.exchange)) for row in answer.records)  # type: ignore[attr-defined]
        return MxAnswer(records, answer.exists, answer.authentic)

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IPv6 and IPv4 addresses of a host; one family's failure does not hide the other's answer."""
        answers = await asyncio.gather(
            self._ask(host, dns.rdatatype.AAAA), self._ask(host, dns.rdatatype.A), return_exceptions=True
        )
        found: list[str] = []
        failed: BaseException | None = None
        for answer in answers:
            if isinstance(answer, BaseException):
                failed = answer
            else:
                found.extend(row.address for row in answer.records)  # type: ignore[attr-defined]
        if failed is not None and (not found or not isinstance(failed, LookupFailed)):
            raise failed
        return tuple(found)

    async def text(self, name: str) -> TextAnswer:
        """TXT records, the strings of each joined."""
        answer = await self._ask(name, dns.rdatatype.TXT)
        records = tuple(b"".join(row.strings) for row in answer.records)  # type: ignore[attr-defined]
        return TextAnswer(records, answer.exists, answer.authentic)

    async def family(self, host: str, version: int) -> HostAnswer:
        """Addresses of a host in one family, 4 or 6."""
        answer = await self._ask(host, dns.rdatatype.A if version == 4 else dns.rdatatype.AAAA)
        found = tuple(row.address for row in answer.records)  # type: ignore[attr-defined]
        return HostAnswer(found, answer.exists, answer.authentic, answer.canonical)

    async def pointers(self, address: str) -> tuple[str, ...]:
        """The names that an address points to, in lower case."""
        name = dns.reversename.from_address(address).to_text()
        answer = await self._ask(name, dns.rdatatype.PTR)
        return tuple(_host(row.target) for row in answer.records)  # type: ignore[attr-defined]

    async def tlsa(self, name: str) -> TlsaAnswer:
        """TLSA records."""
        answer = await self._ask(name, dns.rdatatype.TLSA)
        records = tuple(
            Tlsa(row.usage, row.selector, row.mtype, bytes(row.cert))  # type: ignore[attr-defined]
            for row in answer.records
        )
        return TlsaAnswer(records, answer.exists, answer.authentic, answer.seconds)

    async def rows(self, name: str, kind: str) -> tuple[str, ...]:
        """Records of a type, in the words of a zone file."""
        answer = await self._ask(name, dns.rdatatype.from_text(kind))
        return tuple(row.to_text() for row in answer.records)  # type: ignore[attr-defined]

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> _Rows:
        """Ask once, however many want to know, for as long as the answer may be believed."""
        key = (name.lower(), kind)
        known = self._known.get(key)
        if known is not None and known[0] > self._clock():
            if isinstance(known[1], LookupFailed):
                raise LookupFailed(str(known[1]))
            return known[1]
        asking = self._asking.get(key)
        if asking is not None:
            # The first asker may be cancelled; its followers then ask for themselves.
            try:
                return await asyncio.shield(asking)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not asking.cancelled() or (task is not None and task.cancelling()):
                    raise
                return await self._ask(name, kind)
        answer: asyncio.Future[_Rows] = asyncio.get_running_loop().create_future()
        self._asking[key] = answer
        started, result = time.perf_counter(), "cancelled"
        try:
            rows = await self._question(*key)
            result = "found" if rows.records else "empty" if rows.exists else "no_such_name"
        except LookupFailed as error:
            result = "failed"
            self._remember(key, error, FAILURE_SECONDS)
            answer.set_exception(error)
            answer.exception()  # nobody may be waiting
            raise
        except BaseException:
            answer.cancel()
            raise
        finally:
            del self._asking[key]
            self.questions[(dns.rdatatype.to_text(kind), result)] += 1
            self.answer_seconds.add(time.perf_counter() - started)
        self._remember(key, rows, rows.seconds)
        answer.set_result(rows)
        return rows

    def _remember(self, key: tuple[str, dns.rdatatype.RdataType], what: _Rows | LookupFailed, seconds: float) -> None:
        """Keep an answer; the oldest ones make room."""
        self._known.pop(key, None)
        while len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[key] = (self._clock() + seconds, what)

    async def _question(self, name: str, kind: dns.rdatatype.RdataType) -> _Rows:
        try:
            question = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return _Rows((), exists=False, authentic=False, seconds=NEGATIVE_SECONDS)  # DNS cannot hold such a name
        try:
            answer = await self._resolver.resolve(question, kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            response = _negative(error, question)
            return _Rows((), exists=False, authentic=_is_authentic(response), seconds=_denied_for(response))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise LookupFailed(f"{dns.rdatatype.to_text(kind)} {name}: {error}") from error
        records = tuple(answer.rrset or ())[:MAX_RECORDS]
        authentic = _is_authentic(answer.response)
        seconds = min(max(answer.expiration - time.time(), 0.0), LONGEST_SECONDS)
        canonical = _host(answer.canonical_name) if answer.canonical_name != question else ""
        return _Rows(records, exists=True, authentic=authentic, seconds=seconds, canonical=canonical)


def _negative(error: dns.resolver.NXDOMAIN, question: dns.name.Name) -> dns.message.Message | None:
    responses: dict[dns.name.Name, dns.message.Message] = error.responses()  # type: ignore[no-untyped-call]
    return responses.get(question)


def _denied_for(response: dns.message.Message | None) -> float:
    """How long a name that does not exist may be taken for missing (RFC 2308 5)."""
    for rrset in response.authority if response is not None else ():
        if rrset.rdtype == dns.rdatatype.SOA:
            return float(min(rrset.ttl, rrset[0].minimum, LONGEST_SECONDS))
    return NEGATIVE_SECONDS


def _is_authentic(response: dns.message.Message | None) -> bool:
    return response is not None and bool(response.flags & dns.flags.AD)


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
