"""DNS for tests: a resolver that answers from a dictionary, and a small name server on loopback."""

import asyncio
import contextlib
from collections import Counter

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone

from mailserver.mail.resolver import HostAnswer, LookupFailed, Mx, MxAnswer, TextAnswer, Tlsa, TlsaAnswer

FAILS = "FAILS"


class FakeResolver:
    """`FakeResolver(mx={"remote.test": [(10, "mx.remote.test")]}, hosts={"mx.remote.test": ["127.0.0.1"]})`.

    A name that stands nowhere does not exist; the value FAILS makes the question fail.
    """

    def __init__(
        self, mx=None, hosts=None, txt=None, authentic=frozenset(), pointers=None, tlsa=None, aliases=None
    ) -> None:
        self.records, self.hosts, self.texts, self.authentic = mx or {}, hosts or {}, txt or {}, authentic
        self.reverse, self.tlsas, self.aliases = pointers or {}, tlsa or {}, aliases or {}
        self.others = {}  # (type, name) to zone file's words
        self.tlsa_ttl_seconds = 0
        self.asked = Counter()

    async def mx(self, domain: str) -> MxAnswer:
        self.asked["mx", domain] += 1
        found = self._value(self.records, domain, ())
        return MxAnswer(tuple(Mx(*one) for one in found), self._exists(domain), domain in self.authentic)

    async def addresses(self, host: str) -> tuple[str, ...]:
        self.asked["addresses", host] += 1
        return tuple(self._value(self.hosts, host, ()))

    async def text(self, name: str) -> TextAnswer:
        self.asked["text", name] += 1
        found = self._value(self.texts, name, ())
        records = tuple(one if isinstance(one, bytes) else one.encode() for one in found)
        return TextAnswer(records, self._exists(name), name in self.authentic)

    async def family(self, host: str, version: int) -> HostAnswer:
        self.asked[f"family{version}", host] += 1
        found = tuple(one for one in self._value(self.hosts, host, ()) if (":" in one) == (version == 6))
        return HostAnswer(found, self._exists(host), host in self.authentic, self.aliases.get(host, ""))

    async def pointers(self, address: str) -> tuple[str, ...]:
        self.asked["pointers", address] += 1
        return tuple(self._value(self.reverse, address, ()))

    async def tlsa(self, name: str) -> TlsaAnswer:
        self.asked["tlsa", name] += 1
        found = tuple(Tlsa(*one) for one in self._value(self.tlsas, name, ()))
        return TlsaAnswer(found, bool(found), name in self.authentic, self.tlsa_ttl_seconds)

    async def rows(self, name: str, kind: str) -> tuple[str, ...]:
        self.asked[kind, name] += 1
        return tuple(self._value(self.others, (kind, name), ()))

    def _exists(self, name: str) -> bool:
        known = (*self.records, *self.hosts, *self.texts, *self.tlsas)
        return any(one == name or one.endswith(f".{name}") for one in known)

    @staticmethod
    def _value(values, name, default):
        value = values.get(name, default)
        if value == FAILS:
            raise LookupFailed(name)
        return value


EMPTY = "@ 60 IN SOA . . 1 3600 600 86400 60"  # with the origin ".": no name exists


class NameServer(asyncio.DatagramProtocol):
    """Answers over UDP, and over TCP what is too long for it, from a zone's text.

    `broken` maps names to `silence`, an rcode's name, or octets of a query.
    """

    def __init__(self, origin: str, text: str, *, broken=None, authentic: bool = False) -> None:
        self.zone = dns.zone.from_text(text, origin=origin, check_origin=False, relativize=False)
        self.broken = broken or {}
        self.authentic = authentic
        self.questions = Counter()
        self.port = 0

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        while not self.port:  # one number has to be free for both
            self._streams = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            port = self._streams.sockets[0].getsockname()[1]
            try:
                self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", port))
            except OSError:
                self._streams.close()
            else:
                self.port = port
        return self

    async def __aexit__(self, *_exc) -> None:
        self._transport.close()
        self._streams.close()

    async def _serve(self, reader, writer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            query = dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))
            if query.question[0].name.to_text(omit_final_dot=True) not in self.broken:
                wire = self._answer(query).to_wire(max_size=65_535)
                writer.write(len(wire).to_bytes(2, "big") + wire)
                await writer.drain()
        writer.close()

    def connection_made(self, transport) -> None:
        pass

    def datagram_received(self, data, peer) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.questions[name, dns.rdatatype.to_text(question.rdtype)] += 1
        trouble = self.broken.get(name)
        if trouble == "silence":
            return
        if callable(trouble):
            self._transport.sendto(trouble(query), peer)
            return
        answer = self._answer(query)
        try:
            wire = answer.to_wire(max_size=max(query.payload, 512))
        except dns.exception.TooBig:
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            wire = answer.to_wire()
        self._transport.sendto(wire, peer)

    def _answer(self, query):
        question = query.question[0]
        trouble = self.broken.get(question.name.to_text(omit_final_dot=True))
        answer = dns.message.make_response(query, recursion_available=True)
        if self.authentic:
            answer.flags |= dns.flags.AD
        if trouble:
            answer.set_rcode(dns.rcode.from_text(trouble))
        else:
            self._fill(answer, question)
        return answer

    def _fill(self, answer, question) -> None:
        node = self.zone.get_node(question.name)
        if node is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        found = node.get_rdataset(dns.rdataclass.IN, question.rdtype) if node else None
        if found is not None:
            answer.answer.append(dns.rrset.from_rdata_list(question.name, found.ttl, found))
            return
        soa = self.zone.get_node(self.zone.origin).get_rdataset(dns.rdataclass.IN, dns.rdatatype.SOA)
        answer.authority.append(dns.rrset.from_rdata_list(self.zone.origin, soa.ttl, soa))
