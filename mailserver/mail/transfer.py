"""Content transfer encodings (RFC 2045 6), decoded in steps so that no other thread waits long for the interpreter."""

import binascii
from collections.abc import Iterator

import fast_mail_parser

_LARGE = 16 * 1024  # from here on the library, which decodes without the interpreter's lock, pays
_PIECE = 4 * 1024 * 1024
_ENTITY = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
STEP = 256 * 1024
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NO_LETTERS = bytes(set(range(256)) - set(_LETTERS))
_IDENTITY = frozenset({"", "7bit", "8bit", "binary"})


def name(value: bytes | None) -> str:
    """Read a Content-Transfer-Encoding: the word in lower case, '' where there is none."""
    if not value:
        return ""
    word = value[:64].partition(b"(")[0].partition(b";")[0].strip().strip(b"\"'")
    return word.decode("ascii", "replace").lower()


def is_known(encoding: str) -> bool:
    """Whether `decode` knows the encoding; an unknown one leaves the bytes as they are."""
    return encoding in _IDENTITY or encoding in ("base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue")


def decode(raw: bytes, start: int, end: int, encoding: str) -> Iterator[bytes | memoryview]:
    """Decode a stretch of a message, piece by piece. What is malformed is read as far as it goes."""
    if encoding == "base64":
        return _base64(raw, start, end)
    if encoding == "quoted-printable":
        return _quoted_printable(raw, start, end)
    if encoding in ("x-uuencode", "uuencode", "x-uue"):
        return _uuencode(raw, start, end)
    return iter((memoryview(raw)[start:end],))


def whole(raw: bytes, start: int, end: int, encoding: str) -> bytes:
    """Decode a stretch of a message into one piece."""
    if encoding in _IDENTITY:
        return raw[start:end]
    return b"".join(decode(raw, start, end, encoding))


def _base64(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    return _base64_pieces(raw, start, end) if end - start >= _LARGE else _base64_steps(raw, start, end)


def _base64_pieces(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    """Decode with the library as long as that goes well, in pieces that bound the memory, then with patience."""
    while start < end:
        stop = raw.rfind(b"\n", start, start + _PIECE) + 1 if end - start > _PIECE else end
        content = _large(raw, start, stop) if stop > start else None
        letters = stop - start - raw.count(b"\n", start, stop) - raw.count(b"\r", start, stop)
        if content is None or (stop < end and len(content) * 4 != letters * 3):
            yield from _base64_steps(raw, start, end)
            return
        yield content
        start = stop


def _large(raw: bytes, start: int, end: int) -> bytes | None:
    """Decode well-formed base 64 at once; None for what only a patient reader can read."""
    pad = raw.find(b"=", start, end)
    if pad >= 0 and (end - pad > _LARGE or raw[pad:end].strip(b"= \t\r\n")):
        return None  # something stands behind the end, which the library would read on with
    try:
        content = fast_mail_parser.parse_email_tree(
            b"".join((_ENTITY, memoryview(raw)[start:end])), mode="lazy"
        ).content
    except fast_mail_parser.ParseError:
        return None
    return content if isinstance(content, bytes) else None


def _base64_steps(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    rest = b""
    for position in range(start, end, STEP):
        letters = rest + raw[position : min(position + STEP, end)].translate(None, _NO_LETTERS)
        if b"=" in letters:  # the end, whatever stands behind it
            rest = letters[: letters.index(b"=")]
            break
        whole_length = len(letters) & ~3
        yield binascii.a2b_base64(letters[:whole_length])
        rest = letters[whole_length:]
    if len(rest) % 4 == 1:
        rest = rest[:-1]
    if rest:
        yield binascii.a2b_base64(rest + b"=" * (-len(rest) % 4))


def _quoted_printable(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    position = start
    while position < end:
        stop = min(position + STEP, end)
        if stop < end:
            line_end = raw.find(b"\n", stop, end)
            stop = end if line_end < 0 else line_end + 1
        yield binascii.a2b_qp(raw[position:stop])
        position = stop


def _uuencode(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    inside = False
    for line in raw[start:end].splitlines():
        if not inside:
            inside = line.startswith(b"begin ")
        elif line == b"end":
            return
        elif line:
            try:
                yield binascii.a2b_uu(line)
            except binascii.Error:  # trailing garbage: the length letter says how much counts
                count = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:
                    yield binascii.a2b_uu(line[:count])
                except binascii.Error:
                    return
