"""config-v1.1.xml, which Thunderbird began and many other mail programs read (draft-ietf-mailmaint-autoconfig)."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from mailserver.entities.offer import Offer, Protocol, Security

ADDRESS = "%EMAILADDRESS%"  # the program puts the address in, so that this is the same for every one
_SOCKETS = {Security.AT_ONCE: "SSL", Security.STARTTLS: "STARTTLS"}


def write(domain: str, offers: Sequence[Offer]) -> bytes:
    """The settings of a domain."""
    root = Element("clientConfig", version="1.1")
    provider = SubElement(root, "emailProvider", id=domain)
    for name in ("domain", "displayName", "displayShortName"):
        SubElement(provider, name).text = domain
    for offer in offers:
        if offer.protocol is not Protocol.SUBMISSION:
            _incoming(provider, offer)
    for offer in offers:
        if offer.protocol is Protocol.SUBMISSION:
            _server(SubElement(provider, "outgoingServer", type="smtp"), offer)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _incoming(provider: Element, offer: Offer) -> None:
    server = SubElement(provider, "incomingServer", type=offer.protocol.value)
    if not offer.url:
        _server(server, offer)
        return
    SubElement(server, "url").text = offer.url
    SubElement(server, "authentication").text = "basic"
    SubElement(server, "username").text = ADDRESS


def _server(server: Element, offer: Offer) -> None:
    SubElement(server, "hostname").text = offer.host
    SubElement(server, "port").text = str(offer.port)
    SubElement(server, "socketType").text = _SOCKETS[offer.security]
    SubElement(server, "authentication").text = "password-cleartext"  # within TLS, that is
    SubElement(server, "username").text = ADDRESS
