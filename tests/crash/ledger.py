"""What the load asked for, and what it was answered."""

import hashlib
import secrets
from dataclasses import dataclass, field
from enum import Enum


class Answer(Enum):
    ACCEPTED = "accepted"  # 250 or 201: a promise
    REFUSED = "refused"  # a definite 4xx or 5xx: nothing may have been stored
    UNKNOWN = "unknown"  # the connection died first: either is right


@dataclass(slots=True)
class Asked:
    kind: str  # mx, submission, api
    digest: str  # of the bytes that were sent, '' where the server writes them itself
    answer: Answer | None = None


@dataclass(slots=True)
class Ledger:
    asked: dict[str, Asked] = field(default_factory=dict)

    def ask(self, kind: str, content: bytes = b"", token: str | None = None) -> str:
        token = token or self.token()
        self.asked[token] = Asked(kind, hashlib.sha256(content).hexdigest() if content else "")
        return token

    @staticmethod
    def token() -> str:
        return f"tok{secrets.token_hex(8)}"

    def answer(self, token: str, answer: Answer) -> None:
        self.asked[token].answer = answer

    def tokens(self, *kinds: str, answer: Answer | None = None) -> set[str]:
        return {
            token
            for token, asked in self.asked.items()
            if asked.kind in kinds and (answer is None or asked.answer is answer)
        }
