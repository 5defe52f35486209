"""Text of header fields: folds and encoded words taken out (RFC 5322 2.2.3, RFC 2047)."""

import binascii
import re

from mailserver.mail import charset

_FOLD = re.compile(rb"\r?\n")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]+")
_ENCODED = re.compile(rb"=\?([^?\s*]{1,64})(?:\*[^?\s]{0,64})?\?([bBqQ])\?([^?]*+)\?=")
_Q = re.compile(rb"=([0-9A-Fa-f]{2})")
_NO_LETTER = re.compile(rb"[^A-Za-z0-9+/]")


def decode(value: bytes) -> str:
    """Unfold a value and decode its encoded words; bytes outside ASCII are read as UTF-8, else as Windows-1252."""
    if b"\n" in value:
        value = _FOLD.sub(b"", value)
    text = _decode_words(value) if b"=?" in value else charset.guess(value)
    text = text.strip()
    return text if text.isprintable() else _CONTROL.sub("", text).replace("\t", " ")


def _decode_words(value: bytes) -> str:
    pieces: list[str] = []
    label, run = "", b""  # encoded words in a row that share a charset: a character may be cut between them
    position = 0
    for word in _ENCODED.finditer(value):
        between = value[position : word.start()]
        position = word.end()
        next_label = word[1].decode("ascii", "replace").lower()
        if between.strip() or next_label != label:  # RFC 2047 6.2: white space between two of them does not show
            pieces.append(charset.decode(run, label) if run else "")
            run = b""
            pieces.append(charset.guess(between) if between.strip() or not label else "")
        label = next_label
        run += _decode_word(word[2], word[3])
    if run:
        pieces.append(charset.decode(run, label))
    pieces.append(charset.guess(value[position:]))
    return "".join(pieces)


def _decode_word(kind: bytes, content: bytes) -> bytes:
    if kind in b"qQ":
        return _Q.sub(lambda found: binascii.unhexlify(found[1]), content.replace(b"_", b" "))
    letters = _NO_LETTER.sub(b"", content)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
