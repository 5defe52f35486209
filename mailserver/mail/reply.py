"""SMTP replies and enhanced status codes (RFC 5321 4.2, RFC 3463)."""

import re
from dataclasses import dataclass

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, ours or a peer's; `enhanced` is empty where the peer gave none."""

    code: int
    enhanced: str
    text: str

    @property
    def is_positive(self) -> bool:
        """2xx."""
        return 200 <= self.code < 300

    @property
    def is_temporary(self) -> bool:
        """4xx: the same command may work later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5xx: the same command will not work."""
        return 500 <= self.code < 600

    @property
    def line(self) -> str:
        """The reply as one line of text."""
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)

    def __str__(self) -> str:
        return self.line


def parse(code: int, text: str) -> Reply:
    """Read a peer's reply; its text may have several lines, each with the enhanced code (RFC 2034 4)."""
    lines = [line.strip() for line in text.splitlines()]
    found = _ENHANCED.match(lines[0]) if lines else None
    enhanced = found[1] if found and found[1][0] == str(code)[:1] else ""
    if enhanced:
        lines = [line.removeprefix(enhanced).strip() for line in lines]
    return Reply(code, enhanced, " ".join(line for line in lines if line))
