"""What an authority says where it does not do what it was asked (RFC 7807, RFC 8555 6.7)."""

import email.utils
import json
from collections.abc import Mapping
from typing import Any

PREFIX = "urn:ietf:params:acme:error:"
LONGEST = 500
LONGEST_RETRY_SECONDS = 7 * 86_400.0
# RFC 8555 6.7: to ask again would bring the same answer.
_FINAL = (
    "accountDoesNotExist", "badPublicKey", "badRevocationReason", "badSignatureAlgorithm", "conflict", "malformed",
    "unauthorized", "userActionRequired",
)  # fmt: skip


class Problem(Exception):
    """An authority's no; `type` is RFC 8555 6.7's word for it, or empty where it has none."""

    def __init__(self, kind: str, detail: str, retry_after_seconds: float | None = None) -> None:
        self.type = kind
        self.detail = detail[:LONGEST]
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{self.detail} ({kind})" if kind else self.detail)

    @property
    def is_final(self) -> bool:
        """Whether it was understood and refused; else nobody knows, or it may pass another time."""
        return self.type in _FINAL


class Unreachable(Problem):
    """The authority gave no answer: nobody knows whether it has done what it was asked."""

    def __init__(self, detail: str) -> None:
        super().__init__("", detail)


def of_answer(status: int, headers: Mapping[str, str], body: bytes, now_seconds: float) -> Problem:
    """Read an answer that is no success."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    waits = retry_after(headers, now_seconds)
    if not isinstance(document, dict):
        return Problem("", f"The authority answered {status}", waits)
    return of_document(document, waits, f"The authority answered {status}")


def of_document(document: Any, waits: float | None, instead: str) -> Problem:
    """Read a problem document, with the parts that say which name is meant."""
    if not isinstance(document, dict):
        return Problem("", instead, waits)
    kind = str(document.get("type", "")).removeprefix(PREFIX)[:100]
    detail = str(document.get("detail") or instead)
    parts = document.get("subproblems")
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            named = part.get("identifier")
            name = str(named.get("value", "")) if isinstance(named, dict) else ""
            detail += f"; {name}: {part.get('detail', '')}"
    return Problem(kind, " ".join(detail.split()), waits)


def retry_after(headers: Mapping[str, str], now_seconds: float) -> float | None:
    """The seconds of a Retry-After field (RFC 9110 10.2.3), within bounds; None where there is none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST_RETRY_SECONDS)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return min(max(at.timestamp() - now_seconds, 0.0), LONGEST_RETRY_SECONDS)
