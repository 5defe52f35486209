"""DMARC aggregate reports, written as RFC 9990 has them and read as the world writes them."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mailserver.mail import network, xml_tree
from mailserver.mail.xml_tree import BrokenXml, Node

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
MOST_ROWS = 100_000
MOST_RESULTS = 100  # of DKIM in one row that is written (RFC 9990 2.1.4)
MOST_READ = 20  # of them that are read
MAX_WORD = 253
MAX_SENTENCE = 500
MOST_MESSAGES = 10**12
LATEST = 4_102_444_800  # 2100: no report is about later, and every calendar has it
REASONS = ("local_policy", "mailing_list", "other", "policy_test_mode", "trusted_forwarder")
_CONTROL = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 2.2: what cannot be written
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.0*)?")


class BrokenReport(ValueError):
    """The file is no aggregate report; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Published:
    """The policy that the reporter saw; '' for what the report leaves out."""

    domain: str
    p: str = ""
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    fo: str = ""
    testing: str = ""
    discovery_method: str = ""


@dataclass(frozen=True, slots=True)
class SignatureResult:
    """What came of one DKIM signature."""

    domain: str
    selector: str
    result: str
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class SenderResult:
    """What came of SPF."""

    domain: str
    scope: str
    result: str
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something else was done than the policy asks for."""

    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Messages that had everything in common. `dkim` and `spf` say whether something aligned passed."""

    source_ip: str
    count: int
    disposition: str
    dkim: str
    spf: str
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    reasons: tuple[Reason, ...] = ()
    signatures: tuple[SignatureResult, ...] = ()
    senders: tuple[SenderResult, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the messages passed DMARC."""
        return "pass" in (self.dkim, self.spf)


@dataclass(frozen=True, slots=True)
class DmarcReport:
    """One report. `begin` and `end` are unix seconds."""

    organization: str
    contact: str
    report_id: str
    begin: int
    end: int
    published: Published
    rows: tuple[Row, ...]
    extra_contact: str = ""
    errors: tuple[str, ...] = ()
    generator: str = ""
    version: str = ""

    @property
    def total(self) -> int:
        """How many messages it counts."""
        return sum([row.count for row in self.rows])

    @property
    def failed(self) -> int:
        """How many of them did not pass."""
        return sum([row.count for row in self.rows if not row.passes])


# -- writing ----------------------------------------------------------------------------------------------------------


def write(report: DmarcReport) -> bytes:
    """The XML, its elements in the order of RFC 9990 2.1.1 and its schema."""
    published = report.published
    metadata = [
        _text("org_name", report.organization), _text("email", report.contact),
        _optional("extra_contact_info", report.extra_contact), _text("report_id", report.report_id),
        _inside("date_range", [_text("begin", str(report.begin)), _text("end", str(report.end))]),
        *[_text("error", each) for each in report.errors[:1]], _optional("generator", report.generator),
    ]  # fmt: skip
    policy = [
        _text("domain", published.domain), _optional("discovery_method", published.discovery_method),
        _text("p", published.p), _optional("sp", published.sp), _optional("np", published.np),
        _optional("fo", published.fo), _optional("adkim", published.adkim), _optional("aspf", published.aspf),
        _optional("testing", published.testing),
    ]  # fmt: skip
    pieces = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feedback xmlns="{NAMESPACE}">\n',
        _text("version", "1.0"), _inside("report_metadata", metadata), _inside("policy_published", policy),
        *[_row(row) for row in report.rows],
        "</feedback>\n",
    ]  # fmt: skip
    return "".join(pieces).encode()


def _row(row: Row) -> str:
    reasons = [
        _inside("reason", [_text("type", each.type), _optional("comment", each.comment)]) for each in row.reasons
    ]
    evaluated = [_text("disposition", row.disposition), _text("dkim", row.dkim), _text("spf", row.spf), *reasons]
    results = [
        _inside("dkim", [_text("domain", each.domain), _text("selector", each.selector), _text("result", each.result),
                         _optional("human_result", each.human_result)])
        for each in row.signatures[:MOST_RESULTS]
    ]  # fmt: skip
    results += [
        _inside("spf", [_text("domain", each.domain), _optional("scope", each.scope), _text("result", each.result),
                        _optional("human_result", each.human_result)])
        for each in row.senders[:1]
    ]  # fmt: skip
    counted = [
        _text("source_ip", row.source_ip),
        _text("count", str(row.count)),
        _inside("policy_evaluated", evaluated),
    ]
    identifiers = [_text("header_from", row.header_from), _text("envelope_from", row.envelope_from)]
    return _inside(
        "record",
        [_inside("row", counted), _inside("identifiers", identifiers), _inside("auth_results", results)],
    )


def _text(name: str, value: str) -> str:
    return f"<{name}>{html.escape(_CONTROL.sub('?', value), quote=False)}</{name}>\n"


def _optional(name: str, value: str) -> str:
    return _text(name, value) if value else ""


def _inside(name: str, children: Iterable[str]) -> str:
    return f"<{name}>\n{''.join(children)}</{name}>\n"


# -- reading ----------------------------------------------------------------------------------------------------------


def read(raw: bytes) -> DmarcReport:
    """Read a report of any version; BrokenReport for what is none.

    Elements may be missing, foreign, or in any order and namespace: what counts is a domain, an id and a row.
    """
    try:
        root, top, records = xml_tree.read(raw, "record", MOST_ROWS)
    except BrokenXml as error:
        raise BrokenReport(str(error)) from error
    metadata, policy = _child(top, "report_metadata"), _child(top, "policy_published")
    domain = _domain(policy, "domain")
    if root != "feedback" or not domain:
        raise BrokenReport("The XML is no aggregate report.")
    dates = _child(metadata, "date_range")
    begin, end = _number(dates, "begin"), _number(dates, "end")
    report_id = _word(metadata, "report_id")
    rows = [row for row in map(_read_row, records) if row.count]
    if not report_id or not 0 < begin < LATEST or not rows:
        raise BrokenReport("The report lacks its id, its dates or its records.")
    return DmarcReport(
        organization=_sentence(metadata, "org_name"),
        contact=_word(metadata, "email"),
        report_id=report_id,
        begin=begin,
        end=min(max(begin, end), LATEST),
        published=Published(
            domain, _lower(policy, "p"), _lower(policy, "sp"), _lower(policy, "np"), _lower(policy, "adkim"),
            _lower(policy, "aspf"), _word(policy, "fo"), _lower(policy, "testing"), _lower(policy, "discovery_method"),
        ),
        rows=tuple(rows),
        extra_contact=_sentence(metadata, "extra_contact_info"),
        errors=tuple([_clean(each, MAX_SENTENCE) for each in _all(metadata, "error") if isinstance(each, str)][:10]),
        generator=_sentence(metadata, "generator"),
        version=_word(top, "version"),
    )  # fmt: skip


def _read_row(record: Node) -> Row:
    row, identifiers, results = _child(record, "row"), _child(record, "identifiers"), _child(record, "auth_results")
    evaluated = _child(row, "policy_evaluated")
    address = _word(row, "source_ip")
    return Row(
        source_ip=address if network.is_address(address) else "",
        count=min(_number(row, "count"), MOST_MESSAGES),
        disposition=_lower(evaluated, "disposition"),
        dkim=_lower(evaluated, "dkim"),
        spf=_lower(evaluated, "spf"),
        header_from=_domain(identifiers, "header_from"),
        envelope_from=_domain(identifiers, "envelope_from"),
        envelope_to=_domain(identifiers, "envelope_to"),
        reasons=tuple([
            Reason(_lower(each, "type"), _sentence(each, "comment")) for each in _nodes(evaluated, "reason")[:10]
        ]),
        signatures=tuple([
            SignatureResult(
                _domain(each, "domain"), _word(each, "selector"), _lower(each, "result"),
                _sentence(each, "human_result"),
            )
            for each in _nodes(results, "dkim")[:MOST_READ]
        ]),
        senders=tuple([
            SenderResult(
                _domain(each, "domain"), _lower(each, "scope"), _lower(each, "result"),
                _sentence(each, "human_result"),
            )
            for each in _nodes(results, "spf")[:10]
        ]),
    )  # fmt: skip


def _all(node: Node, name: str) -> list[Any]:
    return node.get(name, [])


def _nodes(node: Node, name: str) -> list[Node]:
    return [each for each in _all(node, name) if isinstance(each, dict)]


def _child(node: Node, name: str) -> Node:
    found = _nodes(node, name)
    return found[0] if found else {}


def _leaf(node: Node, name: str) -> str:
    found = next((each for each in _all(node, name) if isinstance(each, str)), "")
    return found if isinstance(found, str) else ""


def _clean(text: str, most: int) -> str:
    return _UNPRINTABLE.sub(" ", text[: most * 2]).strip()[:most]


def _word(node: Node, name: str) -> str:
    return _clean(_leaf(node, name), MAX_WORD)


def _lower(node: Node, name: str) -> str:
    return _word(node, name).lower()[:40]


def _sentence(node: Node, name: str) -> str:
    return _clean(_leaf(node, name), MAX_SENTENCE)


def _domain(node: Node, name: str) -> str:
    return _word(node, name).lower().rstrip(".")


def _number(node: Node, name: str) -> int:
    text = _leaf(node, name).strip()
    return int(text.partition(".")[0]) if _NUMBER.fullmatch(text) else 0
