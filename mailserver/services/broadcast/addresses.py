"""The addresses on the web that a broadcast has in it, and the tokens by which they are known to be ours."""

import base64
import binascii
import hashlib
import hmac
import uuid

from mailserver.entities import errors, identifiers
from mailserver.entities.identifiers import Kind

_NUMBER_BYTES = 8
_OPEN, _LEAVE = b"open", b"unsubscribe"


class Addresses:
    """Makes and reads them. A token is the number of a recipient with its HMAC-SHA256; it does not run out."""

    def __init__(self, secret: bytes, public_url: str) -> None:
        self._secret = secret
        self._base = public_url

    def unsubscribe(self, number: int) -> str:
        """Where a recipient leaves."""
        return f"{self._base}/v1/unsubscribe/{self._token(_LEAVE, b'', number)}/"

    def picture(self, broadcast_id: int, number: int) -> str:
        """Where the picture of a recipient's message lies."""
        token = self._token(_OPEN, _octets(broadcast_id), number)
        return f"{self._base}/v1/track/open/{identifiers.encode(Kind.BROADCAST, broadcast_id)}/{token}/"

    def link(self, link_id: str) -> str:
        """Where a link leads first."""
        return f"{self._base}/v1/track/click/{link_id}/"

    def is_own(self, url: str) -> bool:
        """Whether an address is one of these, which nobody has to follow."""
        return url.startswith((f"{self._base}/v1/unsubscribe/", f"{self._base}/v1/track/"))

    def leaving(self, token: str) -> int:
        """The recipient who leaves; NotFound for a token that is not ours."""
        return self._read(_LEAVE, b"", token)

    def opened(self, broadcast: str, token: str) -> tuple[int, int]:
        """The broadcast and the recipient of a picture; NotFound for a token that is not ours."""
        try:
            broadcast_id = identifiers.decode(Kind.BROADCAST, broadcast)
        except identifiers.BadIdentifier as error:
            raise errors.NotFound from error
        return broadcast_id, self._read(_OPEN, _octets(broadcast_id), token)

    def _token(self, purpose: bytes, about: bytes, number: int) -> str:
        octets = _octets(number)
        signature = hmac.digest(self._secret, b"\0".join((purpose, about + octets)), hashlib.sha256)
        return base64.urlsafe_b64encode(octets + signature).rstrip(b"=").decode()

    def _read(self, purpose: bytes, about: bytes, token: str) -> int:
        try:
            octets = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise errors.NotFound from error
        number = int.from_bytes(octets[:_NUMBER_BYTES], "big")
        # Compared as text too: base 64 has several spellings of the same octets.
        if number > identifiers.LARGEST or not hmac.compare_digest(
            self._token(purpose, about, number).encode(), token.encode("utf-8", "replace")
        ):
            raise errors.NotFound
        return number


def new_link() -> str:
    """The id of a link."""
    return str(uuid.uuid4())


def _octets(number: int) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "big")
