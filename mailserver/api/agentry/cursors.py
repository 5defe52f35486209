"""Page tokens: opaque, signed, bound to the tenant, its pod and the question that they continue."""

import hashlib

from itsdangerous import BadSignature, URLSafeSerializer

from mailserver.entities import errors
from mailserver.entities.access import Caller

LONGEST = 1024
STRANGE = "The page token is not of this list; begin again without it."


class Cursors:
    """Makes and reads page tokens."""

    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeSerializer(secret, salt="page")

    def make(self, caller: Caller, question: str, at: int, number: int) -> str:
        """The token of what comes behind an item."""
        return str(self._serializer.dumps([at, number, _mark(caller, question)]))

    def read(self, caller: Caller, question: str, token: str | None) -> tuple[int, int] | None:
        """The item that a token stands behind; Invalid for one of another question, or none of ours."""
        if not token:
            return None
        try:
            at, number, mark = self._serializer.loads(token) if len(token) <= LONGEST else (0, 0, "")
        except (BadSignature, TypeError, ValueError):
            mark = ""
        if mark != _mark(caller, question):
            raise errors.Invalid(STRANGE, page_token=STRANGE)
        return at, number

    def make_text(self, caller: Caller, question: str, text: str) -> str:
        """The token of what comes behind an item that is told by its text."""
        return str(self._serializer.dumps([text, _mark(caller, question)]))

    def read_text(self, caller: Caller, question: str, token: str | None) -> str:
        """The text that a token stands behind, '' where there is none; Invalid for one of another question."""
        if not token:
            return ""
        try:
            text, mark = self._serializer.loads(token) if len(token) <= LONGEST else ("", "")
        except (BadSignature, TypeError, ValueError):
            mark = ""
        if mark != _mark(caller, question):
            raise errors.Invalid(STRANGE, page_token=STRANGE)
        return str(text)


def _mark(caller: Caller, question: str) -> str:
    bound = f"{caller.tenant_id} {caller.pod_id or ''} {question}"
    return hashlib.sha256(bound.encode()).hexdigest()[:16]
