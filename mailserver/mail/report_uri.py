"""Where a domain wants its reports: the rua of DMARC and of TLS reports, and what DNS says about them."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mailserver.mail import address, dmarc_record
from mailserver.mail.address import Address, AddressError

MOST = 5  # destinations of one domain that get a report
MAX_URI = 1_000
_TAG = re.compile(r"(?:\A|;)[ \t]*rua[ \t]*=[ \t]*([^;]*)", re.IGNORECASE)
_SIZE = re.compile(r"!([0-9]{1,12})([kmgt]?)\Z", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_TLS_VERSION = re.compile(r"v[ \t]*=[ \t]*TLSRPTv1[ \t]*(?:;|\Z)")


@dataclass(frozen=True, slots=True)
class Destination:
    """One URI. `most_bytes` is what follows its exclamation mark, 0 for no limit."""

    uri: str
    most_bytes: int = 0

    @property
    def recipient(self) -> Address | None:
        """Who gets the mail; None for what is no mailto, or none that can be written to."""
        scheme, _, rest = self.uri.partition(":")
        if scheme.lower() != "mailto":
            return None
        try:
            found = address.parse(unquote(rest.partition("?")[0]))
        except AddressError:
            return None
        return found if found.is_ascii else None  # no report is worth a failure for want of SMTPUTF8

    @property
    def is_https(self) -> bool:
        """Whether the report is posted."""
        return self.uri.lower().startswith("https://")

    @property
    def host(self) -> str:
        """The domain that the report goes to; '' where none can be read."""
        recipient = self.recipient
        if recipient is not None:
            return recipient.domain
        try:
            return (urlsplit(self.uri).hostname or "").rstrip(".") if self.is_https else ""
        except ValueError:
            return ""


def of_dmarc(record: str) -> tuple[Destination, ...]:
    """The mail addresses of a DMARC record's rua (RFC 9989 4.6, and the sizes of RFC 7489 6.2)."""
    return tuple([each for each in _listed(record) if each.recipient is not None][:MOST])


def of_tls(records: tuple[bytes, ...]) -> tuple[Destination, ...]:
    """The destinations of the one TLSRPT record among the TXT values of a name (RFC 8460 3)."""
    texts = [text.decode("latin-1") for text in records if len(text) <= dmarc_record.MAX_RECORD]
    meant = [text for text in texts if _TLS_VERSION.match(text)]
    if len(meant) != 1:
        return ()
    return tuple([each for each in _listed(meant[0]) if each.recipient is not None or each.is_https][:MOST])


def consent(records: tuple[bytes, ...]) -> tuple[Destination, ...] | None:
    """What the record of an external destination says: None is no, an empty tuple yes, others are put in its place.

    RFC 9990 4.
    """
    texts = [text.decode("latin-1") for text in records if dmarc_record.is_record(text)]
    if not texts:
        return None
    return tuple(dict.fromkeys(each for text in texts for each in of_dmarc(text)))


def _listed(record: str) -> list[Destination]:
    found = _TAG.search(record[: dmarc_record.MAX_RECORD])
    if found is None:
        return []
    listed = [_destination(each.strip()) for each in found[1].split(",")]
    return [each for each in dict.fromkeys(listed) if each.host and len(each.uri) <= MAX_URI]


def _destination(text: str) -> Destination:
    size = _SIZE.search(text)
    if size is None:
        return Destination(text)
    return Destination(text[: size.start()], int(size[1]) * _UNITS[size[2].lower()])
