"""What is published for a domain, held against what it needs."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.entities.health import Finding, Status
from mailserver.mail import dmarc_record, zone_file
from mailserver.services.accounts.domain_checks import Checked, DomainChecks, RecordStatus
from mailserver.services.accounts.records import Record
from mailserver.services.health.premises import Resolver

TTL_SECONDS = 3600
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of record: which it is, what it is for, and how grave it is where it is missing or wrong."""

    check: str
    is_it: Callable[[Record], bool]
    why: str
    missing: Status
    wrong: Status


def _text(mark: str) -> Callable[[Record], bool]:
    return lambda record: record.type == "TXT" and record.value.lower().startswith(mark)


def _type(name: str) -> Callable[[Record], bool]:
    return lambda record: record.type == name


_KINDS = (
    _Kind(
        "dns.mx", _type("MX"), "Without it nobody's mail finds this server.", Status.FAILED, Status.FAILED,
    ),
    _Kind(
        "dns.spf", _text("v=spf1"), "Receivers refuse, or take for junk, what a domain does not say it sends.",
        Status.FAILED, Status.FAILED,
    ),
    _Kind(
        "dns.dkim", lambda record: "._domainkey." in record.name,
        "Signatures of mail from here cannot be verified without the key.", Status.FAILED, Status.FAILED,
    ),
    _Kind(
        "dns.dmarc", _text("v=dmarc1"), "Large receivers want it of whoever sends, and forgers go where it is not.",
        Status.FAILED, Status.FAILED,
    ),
    _Kind(
        "dns.mta-sts", lambda record: record.name.startswith(("_mta-sts.", "mta-sts.")),
        "Senders only insist on TLS to this server where a policy says so.", Status.WARNING, Status.WARNING,
    ),
    _Kind(
        "dns.tls-rpt", _text("v=tlsrptv1"), "Trouble that senders have with TLS is otherwise told to nobody.",
        Status.WARNING, Status.WARNING,
    ),
    _Kind(
        "dns.tlsa", _type("TLSA"),
        "Senders with DANE hold it against the certificate; where it is wrong they send nothing.",
        Status.WARNING, Status.FAILED,
    ),
    _Kind(
        "dns.caa", _type("CAA"), "It says who may issue certificates; a wrong one keeps ours from being renewed.",
        Status.WARNING, Status.FAILED,
    ),
    _Kind(
        "dns.srv", _type("SRV"), "Mail programs find their server by it.", Status.WARNING, Status.WARNING,
    ),
    _Kind(
        "dns.verify", _text("gent-verify="), "It shows whose the domain is; it takes no mail before.",
        Status.WARNING, Status.WARNING,
    ),
)  # fmt: skip
_OTHER = _Kind(
    "dns.other", lambda _: True, "Mail programs and other servers look for it.", Status.WARNING, Status.WARNING
)


class DomainRecords:
    """Looks at every record of a domain."""

    def __init__(self, checks: DomainChecks, resolver: Resolver) -> None:
        self._checks = checks
        self._resolver = resolver

    async def look(self, domain: str, records: list[Record]) -> list[Finding]:
        """A finding for each record, and for names that say two things where they may say one."""
        found = [_finding(domain, one) for one in await self._checks.all(records)]
        return [await self._judge_dmarc(domain, each) if each.check == "dns.dmarc" else each for each in found]

    async def _judge_dmarc(self, domain: str, finding: Finding) -> Finding:
        """A policy of none is a beginning and no mistake; two policies are none (RFC 9989 4.10)."""
        if finding.status is not Status.FAILED:
            return finding
        answer = await self._resolver.text(f"_dmarc.{domain}")
        single = dmarc_record.single(answer.records)
        if single is not None and single[1].p == "none":
            return Finding(
                finding.check, Status.WARNING, "The policy is p=none: mail that fails is delivered all the same.",
                finding.why, f"Once the reports show that all is well: {finding.fix}", domain,
            )  # fmt: skip
        return finding


def _finding(domain: str, one: Checked) -> Finding:
    record = one.record
    kind = next((each for each in _KINDS if each.is_it(record)), _OTHER)
    name = f"{record.type} {record.name}"
    if record.is_optional and one.status is RecordStatus.MISSING:
        return Finding(kind.check, Status.SKIPPED, f"{name} is not there, and need not be.", record.purpose, "", domain)
    match one.status:
        case RecordStatus.VALID:
            return Finding(kind.check, Status.OK, f"{name} is right.", record.purpose, "", domain)
        case RecordStatus.UNKNOWN:
            return Finding(
                kind.check, Status.WARNING, f"DNS gave no answer about {name}.", kind.why,
                "Try again; where it stays so, look at the resolver and at the domain's name servers.", domain,
            )  # fmt: skip
        case RecordStatus.MISSING:
            return Finding(
                kind.check, kind.missing, f"{name} is missing.", kind.why, f"Publish: {_line(record)}", domain
            )
    if record.is_beside:
        detail = f"{name} is not there yet beside the present one; until it is, the certificate keeps its key."
        fix = f"Publish beside the present one: {_line(record)}"
        return Finding(kind.check, Status.WARNING, detail, record.purpose, fix, domain)
    shown = "; ".join(one.found)[:_LONGEST_SHOWN]
    fix = f"Publish in its place: {_line(record)}"
    return Finding(kind.check, kind.wrong, f"{name} says something else: {shown}", kind.why, fix, domain)


def _line(record: Record) -> str:
    return zone_file.line(record.name, record.type, record.value, record.priority, TTL_SECONDS)
