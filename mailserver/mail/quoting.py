"""Separate new text from quoted history and from signatures."""

import re

import quotequail

MAX_LINES = 2_000
MAX_LENGTH = 200 * 1024
_MAX_LINE = 2_000
_SIGNATURE = re.compile(r"--\s?")  # RFC 3676 4.3 says `-- `; many programs lose the blank
_DEVICE = re.compile(
    r"(?:sent from (?:my|the all new|yahoo|outlook|mail for)\b|get outlook for\b|von meinem \w{1,20} gesendet"
    r"|gesendet von\b|envoyé de mon\b|envoyé depuis\b|enviado desde mi\b|enviado do meu\b|inviato da\b"
    r"|verzonden vanaf\b|skickat från min\b|отправлено с\b|从我的 ?\w{1,20} ?发送|发自我的).{0,80}",  # noqa: RUF001 - Cyrillic
    re.IGNORECASE,
)
# Lines before a quotation, in more languages than quotequail knows. The first kind shows where it starts, so that it
# may stand on up to three lines.
_WROTE = re.compile(
    r"(?:on .{6,400}\bwrote:|il .{6,400} ha scritto:|em .{6,400} escreveu:|den .{4,400} skrev .{1,200}:"
    r"|am .{6,400} schrieb.{0,200}:|le .{6,400} a écrit ?:|el .{6,400} escribió:"
    r"|op .{6,400} (?:schreef|geschreven).{0,200}:"
    r"|dne .{6,400} napsal\(?a?\)?:|(?:w dniu|dnia) .{4,400} napisał\(?a?\)?:)",
    re.IGNORECASE,
)
_WROTE_ON_ONE_LINE = re.compile(
    r".{4,300}(?:\bwrote:| pisze:| napisał\(?a?\)?:| kirjoitti:| yazd\u0131:| írta:| a scris:| написав:"
    r"|写道[:\uff1a]|のメール[:\uff1a])",
    re.IGNORECASE,
)
_RULE = re.compile(r"[-_]{5,80}")
_QUOTE = re.compile(r"[ \t]{0,3}>")
_HEADER = re.compile(
    r"\*?(?:from|to|cc|sent|date|subject|von|an|gesendet|betreff|datum|de|para|à|objet|asunto|enviado|da|a|oggetto|inviato):\*?",
    re.IGNORECASE,
)


def extract_text(text: str) -> str:
    """Read what the writer added: no quotation, no signature. Where nothing would be left, the text as it is."""
    lines = text[:MAX_LENGTH].replace("\r\n", "\n").split("\n")[:MAX_LINES]
    kept = "\n".join([line[:_MAX_LINE] for line in lines])
    new = _without_quotation(kept)
    return _without_signature(new).strip() or new.strip() or kept.strip()


def _without_quotation(text: str) -> str:
    found = quotequail.unwrap(text)
    if found is not None and found.get("type") in ("reply", "quote"):
        top = (found.get("text_top") or "").split("\n")
        _drop_announcement(top)
        text = "\n".join([*top, found.get("text_bottom") or ""]).strip() or text
    elif found is not None and found.get("text_top"):
        text = str(found["text_top"])
    return _without_quoted_lines(text)


def _without_quoted_lines(text: str) -> str:
    """Drop `>` lines, the line that announces them, and a history that starts with a header block."""
    lines = text.split("\n")
    kept: list[str] = []
    for index, line in enumerate(lines):
        if _QUOTE.match(line):
            _drop_announcement(kept)
            continue
        if _is_header_block(lines, index):
            break
        kept.append(line)
    _drop_announcement(kept)
    return "\n".join(kept)


def _drop_announcement(kept: list[str]) -> None:
    """Take a `… wrote:` off the end, which may stand on up to three lines."""
    last = len(kept)
    while last and not kept[last - 1].strip():
        last -= 1
    for count in (1, 2, 3):
        if last >= count and _WROTE.fullmatch(" ".join(kept[last - count : last]).strip()[:700]):
            del kept[last - count :]
            return
    if last and _WROTE_ON_ONE_LINE.fullmatch(kept[last - 1].strip()[:400]):
        del kept[last - 1 :]


def _is_header_block(lines: list[str], index: int) -> bool:
    """Whether three of four lines from here are header fields, the way Outlook quotes."""
    if not _HEADER.match(lines[index].strip()):
        return False
    return sum(1 for line in lines[index : index + 4] if _HEADER.match(line.strip())) >= 3


def _without_signature(text: str) -> str:
    lines = text.split("\n")
    for index, line in enumerate(lines):
        plain = line.strip()
        if _SIGNATURE.fullmatch(plain) and any(each.strip() for each in lines[:index]):
            lines = lines[:index]
            break
    _drop_empty(lines)
    if lines and len(lines[-1]) < 120 and _DEVICE.fullmatch(lines[-1].strip()):
        lines.pop()
    _drop_empty(lines)
    return "\n".join(lines)


def _drop_empty(lines: list[str]) -> None:
    """Take blank lines and ruled lines off the end."""
    while lines and (not lines[-1].strip() or _RULE.fullmatch(lines[-1].strip())):
        lines.pop()


def extract_html(html: str) -> str:
    """Read what the writer added to an HTML answer; the whole where no quotation is found or the HTML is too large."""
    if len(html) > MAX_LENGTH or html.count("\n") > MAX_LINES * 5:
        return html
    try:
        found = quotequail.unwrap_html(html)
    except (ValueError, TypeError, IndexError, AttributeError, RecursionError):  # lxml and quotequail on broken trees
        return html
    if found is None:
        return html
    new = [part for part in (found.get("html_top"), found.get("html_bottom")) if part]
    return "".join(new) if new else html
