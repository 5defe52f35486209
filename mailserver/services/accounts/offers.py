"""What this server offers mail programs, by its configuration."""

from urllib.parse import urlsplit

from mailserver.entities.offer import Offer, Protocol, Security
from mailserver.settings.configuration import Settings

SUBMISSIONS_PORT, SUBMISSION_PORT, HTTPS_PORT = 465, 587, 443
JMAP_PATH = "/.well-known/jmap"


def of_settings(settings: Settings) -> tuple[Offer, ...]:
    """The best first. Ports are those that the world knows: what is listened on may lie behind a firewall's."""
    offers = []
    if settings.smtp.submissions_listen:
        offers.append(Offer(Protocol.SUBMISSION, settings.hostname, SUBMISSIONS_PORT))
    if settings.smtp.submission_listen:
        offers.append(Offer(Protocol.SUBMISSION, settings.hostname, SUBMISSION_PORT, Security.STARTTLS))
    parts = urlsplit(settings.public_url)
    if parts.scheme == "https" and parts.hostname:
        url = f"{settings.public_url}{JMAP_PATH}"
        offers.append(Offer(Protocol.JMAP, parts.hostname, parts.port or HTTPS_PORT, url=url))
    return tuple(offers)
