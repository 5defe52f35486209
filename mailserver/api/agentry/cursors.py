"""Page tokens: opaque, signed, bound to the tenant and the question that they continue."""

import hashlib

from itsdangerous import BadSignature, URLSafeSerializer

from mailserver.entities import errors

LONGEST = 1024
STRANGE = "The page token is not of this list; begin again without it."


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
            raise errors.Invalid(STRANGE, page_token=STRANGE)
        return at, number

    def make_text(self, tenant_id: int, question: str, text: str) -> str:
        """The token of what comes behind an item that is told by its text."""
        return str(self._serializer.dumps([text, _mark(tenant_id, question)]))

    def read_text(self, tenant_id: int, question: str, token: str | None) -> str:
        """The text that a token stands behind, '' where there is none; Invalid for one of another question."""
        if not token:
            return ""
        try:
            text, mark = self._serializer.loads(token) if len(token) <= LONGEST else ("", "")
        except (BadSignature, TypeError, ValueError):
            mark = ""
        if mark != _mark(tenant_id, question):
            raise errors.Invalid(STRANGE, page_token=STRANGE)
        return str(text)


def _mark(tenant_id: int, question: str) -> str:
    return hashlib.sha256(f"{tenant_id} {question}".encode()).hexdigest()[:16]
