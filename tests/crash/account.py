"""Compare what was promised with what is there."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mailserver.storage import files
from tests.crash.ledger import Answer, Ledger
from tests.crash.receiver import Receiver
from tests.support import database_file

TOKEN = re.compile(r"tok[0-9a-f]{16}")


@dataclass(slots=True)
class Findings:
    """All zero, but for outbound duplicates, is what the appliance promises."""

    accepted_in: int = 0
    accepted_out: int = 0
    lost_in: list[str] = field(default_factory=list)
    lost_out: list[str] = field(default_factory=list)
    phantoms: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    duplicates_in: list[str] = field(default_factory=list)
    duplicates_sent: list[str] = field(default_factory=list)  # second copies in Sent
    duplicates_out: int = 0
    changed: list[str] = field(default_factory=list)  # repeats with another Message-ID or other bytes
    strange: int = 0
    database: str = "ok"

    @property
    def is_clean(self) -> bool:
        wrong = (
            self.lost_in, self.lost_out, self.phantoms, self.damaged, self.duplicates_in, self.duplicates_sent,
            self.changed, self.strange,
        )  # fmt: skip
        return not any(wrong) and self.database == "ok"

    def lines(self) -> list[str]:
        return [
            f"accepted in {self.accepted_in}, accepted out {self.accepted_out}",
            f"lost in {len(self.lost_in)}, lost out {len(self.lost_out)}, phantom {len(self.phantoms)}, "
            f"damaged {len(self.damaged)}, inbound duplicates {len(self.duplicates_in)}, "
            f"second sent copies {len(self.duplicates_sent)}",
            f"outbound duplicates {self.duplicates_out}, changed on repetition {len(self.changed)}, "
            f"strange on the wire {self.strange}, database {self.database}",
        ]


def account(data: Path, ledger: Ledger, receiver: Receiver) -> Findings:
    """Look into a stopped appliance's directory and into what the outside world got."""
    found = Findings()
    with database_file.reading(data) as database:
        found.database = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
        rows = database.execute(
            "SELECT m.id, m.inbox_id, m.is_ours, d.subject FROM message m JOIN message_data d ON d.message_id = m.id"
        ).fetchall()
    came, sent = Counter[str](), Counter[str]()
    for message_id, inbox_id, is_ours, subject in rows:
        if not TOKEN.fullmatch(subject):
            continue
        (sent if is_ours else came)[subject] += 1
        asked = ledger.asked.get(subject)
        if asked is None or asked.answer is Answer.REFUSED:
            found.phantoms.append(subject)
        elif asked.digest and not is_ours:
            _check_file(data / "mail" / files.location(inbox_id, message_id), subject, asked.digest, found)
    _inbound(ledger, came, found)
    _outbound(ledger, sent, receiver, found)
    return found


def _check_file(path: Path, token: str, digest: str, found: Findings) -> None:
    """The file ends with the very bytes that were sent, behind our trace headers."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        found.damaged.append(token)
        return
    start = content.find(b"From: ")
    if hashlib.sha256(content[start:]).hexdigest() != digest:
        found.damaged.append(token)


def _inbound(ledger: Ledger, came: Counter[str], found: Findings) -> None:
    accepted = ledger.tokens("mx", answer=Answer.ACCEPTED)
    found.accepted_in = len(accepted)
    found.lost_in = sorted(token for token in accepted if not came[token])
    found.duplicates_in = sorted(token for token, count in came.items() if count > 1)


def _outbound(ledger: Ledger, sent: Counter[str], receiver: Receiver, found: Findings) -> None:
    accepted = ledger.tokens("submission", "api", answer=Answer.ACCEPTED)
    found.accepted_out = len(accepted)
    found.lost_out = sorted(token for token in accepted if not receiver.received[token] or not sent[token])
    found.duplicates_sent = sorted(token for token, count in sent.items() if count > 1)
    found.strange = receiver.strange
    for token, copies in receiver.received.items():
        found.duplicates_out += max(0, len(copies) - 1)
        if len(set(copies)) > 1:
            found.changed.append(token)
        asked = ledger.asked.get(token)
        if copies and (asked is None or asked.answer is Answer.REFUSED):
            found.phantoms.append(token)
