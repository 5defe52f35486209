"""Cached async DNS lookups behind mail.resolver.Resolver."""

import asyncio
import ipaddress
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from mailserver.mail.resolver import LookupFailed, Mx, MxAnswer

DNS_PORT = 53
LIFETIME_SECONDS = 10.0  # one question with all its repeats
SERVER_SECONDS = 3.0  # one server's answer
CACHED_ANSWERS = 20_000
EDNS_PAYLOAD_BYTES = 1232  # what passes every path unfragmented (DNS flag day 2020)
MAX_RECORDS = 100  # of one answer: more is an attack or an accident

_Rows = tuple[tuple[object, ...], bool, bool]  # records, whether the name exists, the AD bit


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
    ) -> None:
        resolver = dns.asyncresolver.Resolver(configure=not nameservers)
        if nameservers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(*parse_nameserver(text)) for text in nameservers]
        resolver.use_edns(0, dns.flags.DO, EDNS_PAYLOAD_BYTES)
        resolver.flags = dns.flags.RD | dns.flags.AD
        resolver.cache = dns.resolver.LRUCache(cached_answers)
        resolver.lifetime = lifetime_seconds
        resolver.timeout = server_seconds
        self._resolver = resolver
        self._asking: dict[tuple[str, dns.rdatatype.RdataType], asyncio.Future[_Rows]] = {}

    async def mx(self, domain: str) -> MxAnswer:
        """MX records of a domain; the null MX has the host ''."""
        rows, exists, authentic = await self._ask(domain, dns.rdatatype.MX)
        records = tuple(Mx(row.preference, _host(row.exchange)) for row in rows)  # type: ignore[attr-defined]
        return MxAnswer(records, exists, authentic)

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
                found.extend(row.address for row in answer[0])  # type: ignore[attr-defined]
        if failed is not None and (not found or not isinstance(failed, LookupFailed)):
            raise failed
        return tuple(found)

    async def txt(self, name: str) -> tuple[str, ...]:
        """TXT records, the strings of each joined."""
        rows, _, _ = await self._ask(name, dns.rdatatype.TXT)
        return tuple(b"".join(row.strings).decode("utf-8", "surrogateescape") for row in rows)  # type: ignore[attr-defined]

    async def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> _Rows:
        """Ask once, however many want to know at the same time."""
        key = (name.lower(), kind)
        asking = self._asking.get(key)
        if asking is not None:
            # The first asker may be cancelled; its followers then ask for themselves.
            try:
                return await asyncio.shield(asking)
            except asyncio.CancelledError:
                if not asking.cancelled():
                    raise
                return await self._ask(name, kind)
        answer: asyncio.Future[_Rows] = asyncio.get_running_loop().create_future()
        self._asking[key] = answer
        try:
            rows = await self._question(*key)
        except LookupFailed as error:
            answer.set_exception(error)
            answer.exception()  # nobody may be waiting
            raise
        except BaseException:
            answer.cancel()
            raise
        finally:
            del self._asking[key]
        answer.set_result(rows)
        return rows

    async def _question(self, name: str, kind: dns.rdatatype.RdataType) -> _Rows:
        try:
            question = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return (), False, False  # a name that DNS cannot hold does not exist
        try:
            answer = await self._resolver.resolve(question, kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            return (), False, _is_authentic(_negative(error, question))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise LookupFailed(f"{dns.rdatatype.to_text(kind)} {name}: {error}") from error
        rows = tuple(answer.rrset or ())[:MAX_RECORDS]
        return rows, True, _is_authentic(answer.response)


def _negative(error: dns.resolver.NXDOMAIN, question: dns.name.Name) -> dns.message.Message | None:
    responses: dict[dns.name.Name, dns.message.Message] = error.responses()  # type: ignore[no-untyped-call]
    return responses.get(question)


def _is_authentic(response: dns.message.Message | None) -> bool:
    return response is not None and bool(response.flags & dns.flags.AD)


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
