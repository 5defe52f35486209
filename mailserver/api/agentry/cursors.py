"""Page tokens: opaque, signed, bound to the tenant and the question that they continue."""

import hashlib

from itsdangerous import BadSignature, URLSafeSerializer

from mailserver.entities import errors

LONGEST = 512


class Cursors:
    """Makes and reads page tokens."""

    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeSerializer(secret, salt="page")

    def make(self, tenant_id: int, question: str, at: int, number: int) -> str:
        """The token of what comes behind an item."""
        return str(self._serializer.dumps([at, number, _mark(tenant_id, question)]))

    def read(self, tenant_id: int, question: str, token: str | None) -> tuple[int, int] | None:
        """The item that a token stands behind; Invalid for one of another question, or none of ours."""
        if not token:
            return None
        try:
            at, number, mark = self._serializer.loads(token) if len(token) <= LONGEST else (0, 0, "")
        except (BadSignature, TypeError, ValueError):
            mark = ""
        if mark != _mark(tenant_id, question):
            sentence = "The page token is not of this list; begin again without it."
            raise errors.Invalid(sentence, page_token=sentence)
        return at, number


def _mark(tenant_id: int, question: str) -> str:
    return hashlib.sha256(f"{tenant_id} {question}".encode()).hexdigest()[:16]
