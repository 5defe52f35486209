"""Content-Type and Content-Disposition with their parameters (RFC 2045 5.1, RFC 2183, RFC 2231)."""

import re
from urllib.parse import unquote_to_bytes

from mailserver.mail import charset, words

MAX_PARAMETERS = 100
_MAX_VALUE = 16 * 1024
_TYPE = re.compile(rb"\s*([!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,127}/[!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,127})\s*(?:;|$|[^/])")
_WORD = re.compile(rb"\s*([!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,127})")
_PARAMETER = re.compile(
    rb";\s*+([!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,127}+)\s*+=\s*+"
    rb"(?:\"((?:[^\"\\]|\\.)*+)(?:\"|$)|([^;\s]*+(?:[ \t]++[^;=\s]++(?=\s*+(?:;|$)))*+))",
    re.DOTALL,
)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_NAME = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_FOLD = re.compile(rb"\r?\n")


def content_type(value: bytes | None) -> tuple[str | None, dict[str, str]]:
    """Read a Content-Type as (`type/subtype` in lower case, parameters); (None, {}) where there is none to read."""
    if not value:
        return None, {}
    value = _FOLD.sub(b"", value[:_MAX_VALUE]) if b"\n" in value else value[:_MAX_VALUE]
    found = _TYPE.match(value)
    kind = found[1].decode("ascii").lower() if found else None
    return kind, (_parameters(value) if b";" in value else {})


def disposition(value: bytes | None) -> tuple[str | None, dict[str, str]]:
    """Read a Content-Disposition as (`attachment`, `inline` or another word in lower case, parameters)."""
    if not value:
        return None, {}
    value = _FOLD.sub(b"", value[:_MAX_VALUE])
    found = _WORD.match(value)
    return (found[1].decode("ascii").lower() if found else None), _parameters(value)


def _parameters(value: bytes) -> dict[str, str]:
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(value)):
        if count >= MAX_PARAMETERS:
            break
        content = _PAIR.sub(rb"\1", found[2]) if found[2] is not None else found[3]
        name = _NAME.fullmatch(found[1].decode("ascii").lower())
        if name is None:
            continue
        if name[2] is None and name[3] is None:
            plain.setdefault(name[1], words.decode(content))
        else:
            pieces.setdefault(name[1], {}).setdefault(int(name[2] or 0), (content, name[3] is not None))
    for key, numbered in pieces.items():
        plain[key] = _joined(numbered)
    return plain


def _joined(numbered: dict[int, tuple[bytes, bool]]) -> str:
    """Join the sections of one parameter (RFC 2231 3, 4)."""
    label: str | None = None
    content = b""
    for number in range(len(numbered)):
        if number not in numbered:
            break
        piece, is_extended = numbered[number]
        if is_extended and number == 0 and piece.count(b"'") >= 2:
            first, _, piece = piece.split(b"'", 2)
            label = first.decode("ascii", "replace")
        content += unquote_to_bytes(piece) if is_extended else piece
    text = charset.decode(content, label)
    return text if text.isprintable() else words.decode(text.encode("utf-8", "replace"))
