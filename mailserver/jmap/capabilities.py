"""What this server can do, by the names of the standards (RFC 8620 2, RFC 8621 1.3)."""

from dataclasses import dataclass

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
VACATION = "urn:ietf:params:jmap:vacationresponse"
QUOTA = "urn:ietf:params:jmap:quota"
BLOB = "urn:ietf:params:jmap:blob"
SIEVE = "urn:ietf:params:jmap:sieve"
WEBSOCKET = "urn:ietf:params:jmap:websocket"

MAX_ATTACHMENTS_PER_EMAIL = 50 << 20  # octets of the blobs of one new message
MAX_DELAYED_SEND = 366 * 86_400  # seconds
SORTS = (
    "receivedAt", "sentAt", "size", "from", "to", "subject", "hasKeyword", "allInThreadHaveKeyword",
    "someInThreadHaveKeyword",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for."""

    upload_bytes: int
    request_bytes: int = 10 << 20
    concurrent_upload: int = 8
    concurrent_requests: int = 8
    calls_in_request: int = 64
    objects_in_get: int = 1_000
    objects_in_set: int = 500
