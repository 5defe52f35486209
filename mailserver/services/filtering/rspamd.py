"""Ask rspamd, where one is set up, over its HTTP protocol (POST /checkv2)."""

import math
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import orjson

from mailserver.entities.verdict import Action, Reason
from mailserver.mail import spam_status
from mailserver.services.filtering.evidence import Evidence, Finding, ScannerProblem

TIMEOUT_SECONDS = 8.0
ANSWER_BYTES = 1 << 20
WAIT_SECONDS = 300  # what "greylist" and "soft reject" ask of a sender
MOST_SYMBOLS = 100
MOST_RECIPIENTS = 100
# `discard` is Junk here: nothing is dropped without a word.
_FLOORS = {
    "reject": Action.REJECT, "add header": Action.JUNK, "rewrite subject": Action.JUNK, "quarantine": Action.JUNK,
    "discard": Action.JUNK,
}  # fmt: skip
_WAITS = frozenset({"greylist", "soft reject"})


class Poster(Protocol):
    """Posts to a URL that the operator has set."""

    async def post(
        self,
        url: str,
        body: bytes | AsyncIterator[bytes],
        headers: Sequence[tuple[str, str]],
        timeout_seconds: float,
        limit_bytes: int,
    ) -> tuple[int, bytes]:
        """The status and at most so many octets of the answer. A header may stand there more than once."""
        ...


class Rspamd:
    """A scanner: rspamd's symbols become reasons, its action the least that is done."""

    name = "rspamd"

    def __init__(
        self, poster: Poster, url: str, timeout_seconds: float = TIMEOUT_SECONDS, password: str | None = None
    ) -> None:
        self._poster = poster
        self._url = f"{url.rstrip('/')}/checkv2"
        self._password = password
        self.timeout_seconds = timeout_seconds

    async def scan(self, evidence: Evidence) -> Finding:
        """Let rspamd look at the whole message; ScannerProblem where it does not answer."""
        headers = request_headers(evidence)
        if self._password:
            headers.append(("Password", self._password))
        # A message that the sample holds whole needs no reading of its spool.
        body = evidence.sample if evidence.size == len(evidence.sample) else evidence.whole()
        status, answer = await self._poster.post(self._url, body, headers, self.timeout_seconds, ANSWER_BYTES)
        if status != 200:
            raise ScannerProblem(f"rspamd answered {status}")
        try:
            parsed = orjson.loads(answer)
        except orjson.JSONDecodeError as error:
            raise ScannerProblem("rspamd's answer is no JSON") from error
        if not isinstance(parsed, dict) or "action" not in parsed:
            raise ScannerProblem("rspamd's answer names no action")
        return read_answer(parsed)


def request_headers(evidence: Evidence) -> list[tuple[str, str]]:
    """What rspamd is told of a message beside its bytes."""
    envelope = evidence.envelope
    headers = [
        ("IP", _plain(envelope.peer.address)),
        ("Helo", _plain(envelope.peer.helo)),
        ("From", _plain(str(envelope.sender or ""))),
        ("Queue-Id", _plain(evidence.queue_id)),
        ("Content-Length", str(evidence.size)),
    ]
    headers += [("Rcpt", _plain(str(each.address))) for each in envelope.recipients[:MOST_RECIPIENTS]]
    if evidence.is_authenticated and envelope.peer.login:
        headers.append(("User", _plain(envelope.peer.login)))
    return [(name, value) for name, value in headers if value]


def read_answer(answer: dict[str, Any]) -> Finding:
    """Read what rspamd found. Symbols that count nothing are left out; what group limits cut is one reason more."""
    symbols = answer.get("symbols")
    listed = list(symbols.values())[:MOST_SYMBOLS] if isinstance(symbols, dict) else []
    found = []
    for symbol in listed:
        title = symbol.get("name") if isinstance(symbol, dict) else None
        score = _points(symbol.get("score")) if title else 0.0
        if score and isinstance(title, str):
            detail = str(symbol.get("description") or f"rspamd found {title}.")
            found.append(Reason(f"RSPAMD_{spam_status.name(title)}", score, detail[:200]))
    rest = _points(answer.get("score")) - sum(reason.score for reason in found)
    if abs(rest) >= 0.05:
        found.append(Reason("RSPAMD_REST", round(rest, 2), "What rspamd counts beside its symbols."))
    action = str(answer.get("action"))
    return Finding(tuple(found), _FLOORS.get(action, Action.NONE), WAIT_SECONDS if action in _WAITS else 0)


def _points(value: object) -> float:
    """A score; 0 for what is none."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _plain(text: str) -> str:
    """A value that can stand in an HTTP header: strangers choose it."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text[:500]).strip()
