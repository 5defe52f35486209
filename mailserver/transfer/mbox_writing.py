"""Messages as an mbox in the form mboxrd (RFC 4155 with its From lines quoted so that they can be read back)."""

import re
import time
from collections.abc import Sequence

from mailserver.transfer import marks
from mailserver.transfer.mbox import MARK

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_WITH_LETTER = frozenset(marks.STATUS.values()) | frozenset(marks.X_STATUS.values())


def written(content: bytes, sender: str, received_at: int, keywords: Sequence[str]) -> bytes:
    """A message with its From line, with flags in the fields that other programs read, and an empty line behind it.

    The first field says how to have the very same bytes again.
    """
    is_uniform = content.count(b"\n") == content.count(b"\r\n")
    body = content.replace(b"\r\n", b"\n") if is_uniform else content
    has_end = body.endswith(b"\n")
    status = marks.letters(keywords, marks.STATUS) + "O"
    x_status = marks.letters(keywords, marks.X_STATUS)
    others = [each for each in keywords if each not in _WITH_LETTER]
    fields = [f"Status: {status}"]
    if x_status:
        fields.append(f"X-Status: {x_status}")
    if others:
        fields.append(f"X-Keywords: {' '.join(others)}")
    moment = time.gmtime(received_at // 1000)
    date = time.strftime(f"%a %b {moment.tm_mday:2d} %H:%M:%S %Y", moment)
    name = re.sub(r"[^!-~]", "", sender) or "MAILER-DAEMON"
    head = [
        f"From {name} {date}",
        f"{MARK.decode()}lines={len(fields)}; received={received_at}; eol={'crlf' if is_uniform else 'raw'}; "
        f"end={int(has_end)}",
        *fields,
    ]
    ending = b"\n" if has_end else b"\n\n"
    return "\n".join(head).encode() + b"\n" + _FROM.sub(rb">\1", body) + ending
