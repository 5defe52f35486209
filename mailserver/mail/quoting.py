"""Separate new text from quoted history and from signatures."""

import re

from mailserver.mail import quoting_html, quoting_words

MAX_LINES = 10_000
MAX_LENGTH = 200 * 1024
_MAX_LINE = 2_000
_MAX_ASKED = 200  # lines that look like the beginning of a history; more are nobody's letter
_SIGNATURE_LINES = 25  # what follows `--` and is longer than this is a letter with a line drawn through it
_SIGNATURE = re.compile(r"--\s?")  # RFC 3676 4.3 says `-- `; many programs lose the blank
_RULE = re.compile(r"[-_=*\u2014]{3,80}")
_QUOTE = re.compile(r"[ \t]{0,3}[>\uff1e]")


def extract_text(text: str, subject: str = "") -> str:
    """Read what the writer added: no quotation, no signature. Where nothing would be left, the text as it is.

    A forwarded message is what the writer sends, not a quotation. The subject tells one from an answer where a program
    writes the same head above both, as Outlook does.
    """
    lines = [line[:_MAX_LINE] for line in text[:MAX_LENGTH].replace("\r\n", "\n").split("\n", MAX_LINES)[:MAX_LINES]]
    new, is_whole = _without_history(lines, is_forward=quoting_words.is_forward_subject(subject))
    if is_whole:
        return "\n".join(new).strip()
    return _without_signature(new).strip() or "\n".join(new).strip() or "\n".join(lines).strip()


def extract_html(html: str, subject: str = "") -> str:
    """Read what the writer added to an HTML answer; the whole where no quotation is found or the HTML is too large."""
    return quoting_html.extract(html, subject)


def _without_history(lines: list[str], *, is_forward: bool) -> tuple[list[str], bool]:
    """Drop quoted lines, what announces them, and the history below; whether the rest is a message handed on."""
    kept: list[str] = []
    asked = 0
    was_quoted = has_quoted = False
    for index, line in enumerate(lines):
        plain = line.strip()
        if _QUOTE.match(line):
            if not has_quoted and quoting_words.is_forward(plain.lstrip("> ")):
                return kept + lines[index:], True  # Apple Mail hands on with `>` before each line
            if not was_quoted and asked < _MAX_ASKED:
                asked += 1
                _drop_announcement(kept)
            was_quoted = True
            has_quoted = has_quoted or len(plain) > 1
            continue
        was_quoted = was_quoted and not plain
        if not plain:
            kept.append("")
            continue
        if quoting_words.is_forward(plain):
            return kept + lines[index:], True
        kept.append(line)
        if asked >= _MAX_ASKED or not quoting_words.may_begin_history(plain):
            continue
        asked += 1
        if quoting_words.is_original(plain) or _is_head(lines, index):
            return (kept + lines[index + 1 :], True) if is_forward else (kept[:-1], False)
        if not _is_quoted_next(lines, index) and _ends_in_announcement(kept):
            return kept, False
    return kept, False


def _ends_in_announcement(kept: list[str]) -> bool:
    """Whether a history without `>` is announced by the last line, which goes."""
    if quoting_words.begins_with_announcement(kept[-1].strip()):
        kept.pop()
        return True
    before = len(kept)
    _drop_announcement(kept, before_quotation=False)
    return len(kept) < before


def _is_head(lines: list[str], index: int) -> bool:
    return quoting_words.field(lines[index].strip()) is not None and quoting_words.is_head(
        [line.strip() for line in lines[index : index + 12]]
    )


def _is_quoted_next(lines: list[str], index: int) -> bool:
    """Whether `>` follows, blank lines and the rest of a wrapped announcement aside."""
    return any(_QUOTE.match(line) for line in lines[index + 1 : index + 4])


def _drop_announcement(kept: list[str], *, before_quotation: bool = True) -> None:
    """Take a `… wrote:` off the end, which may stand on up to three lines."""
    last = len(kept)
    while last and not kept[last - 1].strip():
        last -= 1
    if not last or not quoting_words.ends_like_announcement(kept[last - 1].strip()):
        return
    for count in range(1, 4):
        first = last - count
        if first < 0 or not kept[first].strip():
            break
        if quoting_words.is_announcement(" ".join(kept[first:last]), before_quotation=before_quotation):
            opens = quoting_words.opens_announcement
            # The part that says enough may be the second half of a line that was wrapped.
            while count < 3 and first and not _starts(kept[first].strip()) and opens(kept[first - 1].strip()):
                first, count = first - 1, count + 1  # noqa: PLW2901 - one walk upwards
            del kept[first:]
            return
    if before_quotation and quoting_words.is_bare_announcement(kept[last - 1]):
        del kept[last - 1 :]


def _starts(line: str) -> bool:
    return quoting_words.opens_announcement(line) and not line[0].islower()


def _without_signature(lines: list[str]) -> str:
    lines = list(lines)
    _drop_empty(lines)
    for index in range(max(len(lines) - _SIGNATURE_LINES, 1), len(lines)):
        if _SIGNATURE.fullmatch(lines[index].strip()) and any(each.strip() for each in lines[:index]):
            del lines[index:]
            break
    _drop_empty(lines)
    while lines and quoting_words.is_device(lines[-1]):
        lines.pop()
        _drop_empty(lines)
    return "\n".join(lines)


def _drop_empty(lines: list[str]) -> None:
    """Take blank lines and ruled lines off the end."""
    while lines and (not lines[-1].strip() or _RULE.fullmatch(lines[-1].strip())):
        lines.pop()
