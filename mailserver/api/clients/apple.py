"""A configuration profile for Apple's Mail (com.apple.mail.managed), without any password in it."""

import plistlib
import uuid
from collections.abc import Sequence
from typing import Any

from mailserver.entities.offer import Offer, Protocol


def write(address: str, domain: str, hostname: str, offers: Sequence[Offer]) -> bytes | None:
    """The profile of an address; None where nothing is offered that Apple's Mail reads by."""
    incoming = next((one for one in offers if one.protocol is Protocol.IMAP), None)
    outgoing = next((one for one in offers if one.protocol is Protocol.SUBMISSION), None)
    if incoming is None or outgoing is None:
        return None
    reversed_name = ".".join(reversed(hostname.split(".")))
    place = f"{reversed_name}.{uuid.uuid5(uuid.NAMESPACE_URL, f'mailto:{address}')}"
    account = {
        "EmailAccountDescription": address,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAddress": address,
        **_server("Incoming", incoming, address),
        **_server("Outgoing", outgoing, address),
        "OutgoingPasswordSameAsIncomingPassword": True,
        **_payload("com.apple.mail.managed", f"{place}.mail", f"Mail of {domain}"),
    }
    profile = {
        "PayloadContent": [account],
        "PayloadDescription": f"Sets up {address} in Mail. It asks for the password.",
        "PayloadOrganization": domain,
        "PayloadRemovalDisallowed": False,
        **_payload("Configuration", place, address),
    }
    return plistlib.dumps(profile)


def _server(way: str, offer: Offer, address: str) -> dict[str, Any]:
    return {
        f"{way}MailServerAuthentication": "EmailAuthPassword",
        f"{way}MailServerHostName": offer.host,
        f"{way}MailServerPortNumber": offer.port,
        # Apple begins TLS at once at the ports that are known for it, and by STARTTLS at the others.
        f"{way}MailServerUseSSL": True,
        f"{way}MailServerUsername": address,
    }


def _payload(kind: str, identifier: str, shown: str) -> dict[str, Any]:
    """What every payload has; its identifiers are the same each time, so that a new profile replaces the old one."""
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_URL, identifier)).upper(),
        "PayloadDisplayName": shown,
    }
