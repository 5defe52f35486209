"""Which thread a message belongs to: base subjects and reference hashes (RFC 5256 2.1, 2.2)."""

import hashlib
import re
from collections.abc import Iterable

MAX_SUBJECT = 1_000
MAX_REFERENCES = 64
# Answer and forward words of the languages that mail programs translate them to.
_WORDS = (
    "re|fw|fwd|aw|wg|antw(?:ort)?|doorst|sv|vs|vb|vl|ref|réf|tr|rv|res|enc|rif|odp|pd|ynt|ilt|yan|vá|továbbítás"
    "|atb|pt|απ|πρθ|σχετ|προθ|на|ha|отв|пер|השב|הועבר|رد|回复|答复|回覆|转发|轉寄|返信|転送"
)
_BLOB = r"\[[^\[\]]{0,200}+\]\s*+"
_LEADER = re.compile(
    rf"\s*+(?:{_BLOB})*+(?:{_WORDS})\s*+(?:[\[(^]?\d{{1,3}}[\])]?)?\s*+(?:{_BLOB})?[:\uff1a]\s*+", re.IGNORECASE
)
_ONE_BLOB = re.compile(rf"\s*+{_BLOB}")
_WRAPPED = re.compile(r"\[fwd?:\s*+(.*)\]\Z", re.IGNORECASE | re.DOTALL)


def base_subject(subject: str) -> str:
    """Strip a subject of answer words, list tags and forward marks; its letters stay as they are."""
    text = " ".join(subject[:MAX_SUBJECT].split())
    while True:
        before = text
        text = _without_trailer(text)
        text = _without_leaders(text)
        wrapped = _WRAPPED.match(text)
        if wrapped is not None:
            text = wrapped[1].strip()
        if text == before:
            return text


def _without_trailer(text: str) -> str:
    while text[-5:].lower() == "(fwd)" or text[-4:].lower() == "(fw)":
        text = text[: text.rindex("(")].rstrip()
    return text


def _without_leaders(text: str) -> str:
    position = 0
    while True:
        found = _LEADER.match(text, position)
        if found is None:
            found = _ONE_BLOB.match(text, position)
            if found is None or found.end() >= len(text):  # RFC 5256 2.1 (5): a blob stays where nothing else is left
                return text[position:].strip()
        position = found.end()


def subject_hash(subject: str) -> int:
    """Hash a base subject without regard to case; 0 for a subject that says nothing, which joins no thread."""
    base = base_subject(subject).casefold()
    return _hash(base) if base else 0


def reference_hashes(header_id: str | None, in_reply_to: str | None, references: Iterable[str]) -> tuple[int, ...]:
    """Hash every message id that a message names, each once, its own last. Of too many, first and last count."""
    ids = dict.fromkeys(references)
    if in_reply_to:
        ids.pop(in_reply_to, None)
        ids[in_reply_to] = None
    if header_id:
        ids.pop(header_id, None)
        ids[header_id] = None
    names = list(ids)
    if len(names) > MAX_REFERENCES:
        names = [names[0], *names[1 - MAX_REFERENCES :]]
    return tuple([_hash(name) for name in names])


def header_hash(header_id: str) -> int:
    """Hash one message id, as `reference_hashes` does and as rows keep it."""
    return _hash(header_id)


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
