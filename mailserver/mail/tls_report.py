"""TLS reports: how privately mail travelled, as JSON (RFC 8460 4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

MOST_POLICIES = 1_000
MOST_DETAILS = 100_000  # of a whole report
MOST_STRINGS = 100
MAX_WORD = 253
MAX_SENTENCE = 1_000
MOST_SESSIONS = 10**12
LATEST = 4_102_444_800  # 2100: no report is about later, and every calendar has it
SENTENCES: Mapping[str, str] = {
    "starttls-not-supported": "The receiving server did not offer STARTTLS.",
    "certificate-host-mismatch": "The certificate is not one for the server's name.",
    "certificate-expired": "The certificate has expired.",
    "certificate-not-trusted": "No authority that the sender trusts has signed the certificate.",
    "validation-failure": "TLS failed for another reason.",
    "tlsa-invalid": "No TLSA record fits the certificate.",
    "dnssec-invalid": "DNSSEC could not prove the TLSA records.",
    "dane-required": "The sender wants DANE, and there were no TLSA records.",
    "sts-policy-fetch-error": "The MTA-STS policy could not be fetched.",
    "sts-policy-invalid": "The MTA-STS policy could not be read.",
    "sts-webpki-invalid": "The web server with the MTA-STS policy has no valid certificate.",
}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


class BrokenReport(ValueError):
    """The file is no TLS report; the sentence says why."""


@dataclass(frozen=True, slots=True)
class FailureDetail:
    """Sessions that failed in the same way (RFC 8460 4.4)."""

    result_type: str
    count: int
    sending_ip: str = ""
    receiving_host: str = ""
    receiving_helo: str = ""
    receiving_ip: str = ""
    reason_code: str = ""
    more: str = ""  # additional-information: a URI

    @property
    def sentence(self) -> str:
        """What the type means."""
        return SENTENCES.get(self.result_type, "")


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """The sessions under one policy. `type` is tlsa, sts or no-policy-found."""

    type: str
    strings: tuple[str, ...]
    domain: str
    hosts: tuple[str, ...]
    succeeded: int
    failed: int
    details: tuple[FailureDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsReport:
    """One report. `begin` and `end` are unix seconds."""

    organization: str
    contact: str
    report_id: str
    begin: int
    end: int
    policies: tuple[PolicyResult, ...]

    @property
    def total(self) -> int:
        """How many sessions it counts."""
        return sum([each.succeeded + each.failed for each in self.policies])

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum([each.failed for each in self.policies])

    @property
    def domain(self) -> str:
        """The recipients' domain, where a policy names it: with DANE the policy's domain is the host's."""
        return next((each.domain for each in self.policies if each.type != "tlsa" and each.domain), "")


# -- writing ----------------------------------------------------------------------------------------------------------


def write(report: TlsReport) -> bytes:
    """The JSON of RFC 8460 4.4."""
    return orjson.dumps(
        {
            "organization-name": report.organization,
            "date-range": {"start-datetime": _time(report.begin), "end-datetime": _time(report.end)},
            "contact-info": report.contact,
            "report-id": report.report_id,
            "policies": [_policy(each) for each in report.policies],
        },
        option=orjson.OPT_INDENT_2,
    )


def _policy(result: PolicyResult) -> dict[str, Any]:
    policy: dict[str, Any] = {"policy-type": result.type}
    if result.strings:
        policy["policy-string"] = list(result.strings)
    policy["policy-domain"] = result.domain
    if result.hosts:
        policy["mx-host"] = list(result.hosts)
    written: dict[str, Any] = {
        "policy": policy,
        "summary": {
            "total-successful-session-count": result.succeeded, "total-failure-session-count": result.failed,
        },
    }  # fmt: skip
    if result.details:
        written["failure-details"] = [_detail(each) for each in result.details]
    return written


def _detail(detail: FailureDetail) -> dict[str, Any]:
    fields = {
        "result-type": detail.result_type,
        "sending-mta-ip": detail.sending_ip,
        "receiving-mx-hostname": detail.receiving_host,
        "receiving-mx-helo": detail.receiving_helo,
        "receiving-ip": detail.receiving_ip,
        "failed-session-count": detail.count,
        "additional-information": detail.more,
        "failure-reason-code": detail.reason_code,
    }
    return {name: value for name, value in fields.items() if value != ""}


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


# -- reading ----------------------------------------------------------------------------------------------------------


def read(raw: bytes) -> TlsReport:
    """Read a report; BrokenReport for what is none. Fields may be missing, and numbers may be written as strings."""
    try:
        document = orjson.loads(raw.lstrip(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise BrokenReport(f"The file is no JSON: {error}.") from error
    given = _list(_field(document, "policies"))
    report_id = _word(_field(document, "report-id"))
    dates = _field(document, "date-range")
    begin, end = _seconds(_field(dates, "start-datetime")), _seconds(_field(dates, "end-datetime"))
    if not given or not report_id or begin is None or not 0 < begin < LATEST:
        raise BrokenReport("The JSON is no TLS report.")
    if len(given) > MOST_POLICIES or sum(len(_list(_field(each, "failure-details"))) for each in given) > MOST_DETAILS:
        raise BrokenReport("The report has too many policies or failures.")
    return TlsReport(
        organization=_sentence(_field(document, "organization-name")),
        contact=_word(_field(document, "contact-info")),
        report_id=report_id,
        begin=begin,
        end=min(max(begin, end or begin), LATEST),
        policies=tuple([_read_policy(each) for each in given]),
    )


def _read_policy(given: Any) -> PolicyResult:
    policy, summary = _field(given, "policy"), _field(given, "summary")
    details = tuple([_read_detail(each) for each in _list(_field(given, "failure-details"))])
    return PolicyResult(
        type=_word(_field(policy, "policy-type")).lower(),
        strings=_strings(_field(policy, "policy-string")),
        domain=_word(_field(policy, "policy-domain")).lower().rstrip("."),
        hosts=_strings(_field(policy, "mx-host")),
        succeeded=_count(_field(summary, "total-successful-session-count")),
        failed=_count(_field(summary, "total-failure-session-count")),
        details=details,
    )


def _read_detail(given: Any) -> FailureDetail:
    return FailureDetail(
        result_type=_word(_field(given, "result-type")).lower(),
        count=_count(_field(given, "failed-session-count")),
        sending_ip=_word(_field(given, "sending-mta-ip")),
        receiving_host=_word(_field(given, "receiving-mx-hostname")),
        receiving_helo=_word(_field(given, "receiving-mx-helo")),
        receiving_ip=_word(_field(given, "receiving-ip")),
        reason_code=_sentence(_field(given, "failure-reason-code")),
        more=_sentence(_field(given, "additional-information")),
    )


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _strings(value: Any) -> tuple[str, ...]:
    """RFC 8460 4.4 has lists where many write one string."""
    several = value if isinstance(value, list) else [value]
    return tuple([_sentence(each) for each in several[:MOST_STRINGS] if isinstance(each, str)])


def _clean(value: Any, most: int) -> str:
    return _UNPRINTABLE.sub(" ", value[: most * 2]).strip()[:most] if isinstance(value, str) else ""


def _word(value: Any) -> str:
    return _clean(value, MAX_WORD)


def _sentence(value: Any) -> str:
    return _clean(value, MAX_SENTENCE)


def _count(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:15])
    return min(max(value, 0), MOST_SESSIONS) if isinstance(value, int) and not isinstance(value, bool) else 0


def _seconds(value: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(_word(value))
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
