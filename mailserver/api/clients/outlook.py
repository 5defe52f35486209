"""Autodiscover in its plain form (MS-OXDSCLI), which Outlook asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring
from xml.parsers import expat

from mailserver.entities.offer import Offer, Protocol, Security

_OUTER = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
SETTINGS = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
DEEPEST = 10
LONGEST_TEXT = 500
INVALID, NO_PROVIDER = 600, 601
_TYPES = {Protocol.IMAP: "IMAP", Protocol.SUBMISSION: "SMTP"}
_SENTENCES = {INVALID: "Invalid Request", NO_PROVIDER: "Provider is not available"}


class Unreadable(Exception):
    """The request is none."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose settings are wanted, and in what form."""

    address: str
    schema: str


def read(body: bytes) -> Wish:
    """Read a request; Unreadable where it is none, or has what no request needs."""
    texts: dict[str, str] = {}
    path: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def start(name: str, _attributes: dict[str, str]) -> None:
        path.append(name.rpartition(" ")[2])
        if len(path) > DEEPEST:
            raise Unreadable

    def end(_name: str) -> None:
        path.pop()

    def text(content: str) -> None:
        known = texts.get(path[-1], "") + content
        if len(known) > LONGEST_TEXT:
            raise Unreadable
        texts[path[-1]] = known

    def refuse(*_declared: object) -> None:
        raise Unreadable  # no request has entities, and what they grow to would need bounds

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Unreadable from error
    return Wish(texts.get("EMailAddress", "").strip(), texts.get("AcceptableResponseSchema", "").strip())


def write(address: str, offers: Sequence[Offer]) -> bytes:
    """The settings for an address: of each protocol what is best."""
    root = Element("Autodiscover", xmlns=_OUTER)
    response = SubElement(root, "Response", xmlns=SETTINGS)
    SubElement(SubElement(response, "User"), "DisplayName").text = address
    account = SubElement(response, "Account")
    SubElement(account, "AccountType").text = "email"
    SubElement(account, "Action").text = "settings"
    for protocol, kind in _TYPES.items():
        offer = next((one for one in offers if one.protocol is protocol), None)
        if offer is not None:
            _protocol(SubElement(account, "Protocol"), kind, offer, address)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def refusal(code: int, at: datetime) -> bytes:
    """What is answered to a request that gets no settings."""
    root = Element("Autodiscover", xmlns=_OUTER)
    error = SubElement(SubElement(root, "Response"), "Error", Time=f"{at:%H:%M:%S.%f}", Id="1")
    SubElement(error, "ErrorCode").text = str(code)
    SubElement(error, "Message").text = _SENTENCES[code]
    SubElement(error, "DebugData")
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _protocol(found: Element, kind: str, offer: Offer, address: str) -> None:
    values = {
        "Type": kind,
        "Server": offer.host,
        "Port": str(offer.port),
        "DomainRequired": "off",
        "LoginName": address,
        "SPA": "off",
        "SSL": "on",
        "Encryption": "SSL" if offer.security is Security.AT_ONCE else "TLS",
        "AuthRequired": "on",
    }
    if offer.protocol is Protocol.SUBMISSION:
        values |= {"UsePOPAuth": "off", "SMTPLast": "off"}
    for name, value in values.items():
        SubElement(found, name).text = value
