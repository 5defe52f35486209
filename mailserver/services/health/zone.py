"""The zone snippet of a domain: what to publish, in the form of a name server's file."""

from mailserver.mail import zone_file
from mailserver.services.accounts.domains import Domains
from mailserver.services.accounts.records import Record
from mailserver.services.health import premises as places
from mailserver.services.health.premises import Premises

TTL_SECONDS = 3600
_WIDEST = 100  # columns of a comment


class Zones:
    """Writes zone snippets."""

    def __init__(self, domains: Domains, premises: Premises) -> None:
        self._domains = domains
        self._premises = premises

    async def records(self, domain: str) -> list[Record]:
        """Everything to publish for a domain, with the addresses of the server's own name."""
        hostname = self._premises.hostname
        own = [
            Record(places.record_kind(each), hostname, each, "The server's own address.")
            for each in places.own_addresses(self._premises.addresses)
        ]
        return [*own, *await self._domains.records(domain)]

    async def snippet(self, domain: str) -> str:
        """The records as a zone file has them (RFC 1035 5.1), with advice that DNS cannot hold as comments."""
        hostname = self._premises.hostname
        rows = [f"; Records for {domain}, whose mail {hostname} receives and sends."]
        known: set[str] = set()
        for record in await self.records(domain):
            if record.type in ("A", "AAAA"):
                rows += self._address(record)
                continue
            if record.purpose not in known:
                known.add(record.purpose)
                rows += ["", *_comment(record.purpose)]
            line = zone_file.line(record.name, record.type, record.value, record.priority, TTL_SECONDS)
            rows.append(f"; {line}" if record.is_comment else line)
        rows += ["", *self._reverse()]
        return "\n".join(rows) + "\n"

    def _address(self, record: Record) -> list[str]:
        line = zone_file.line(record.name, record.type, record.value, None, TTL_SECONDS)
        if self._premises.addresses or places.is_public(record.value):
            return ["", *_comment(record.purpose), line]
        advice = f"{record.value} is private: publish the address that the world sees in its place (health.addresses)."
        return ["", *_comment(advice), f"; {line}"]

    def _reverse(self) -> list[str]:
        """PTR records belong to whoever owns the addresses: they are asked for, not published."""
        hostname = self._premises.hostname
        found = places.own_addresses(self._premises.addresses)
        asked = [each for each in found if self._premises.addresses or places.is_public(each)]
        if not asked:
            return _comment(f"Have your provider set the PTR record of the server's address to {hostname}.")
        return [
            *_comment("Have your provider set these; other servers refuse mail from an address without its name."),
            *(f"; {zone_file.pointer(each, hostname, TTL_SECONDS)}" for each in asked),
        ]


def _comment(text: str) -> list[str]:
    rows, row = [], ";"
    for word in text.split():
        if len(row) + len(word) >= _WIDEST:
            rows.append(row)
            row = ";"
        row = f"{row} {word}"
    return [*rows, row]
