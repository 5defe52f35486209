"""Bytes to text by the charset labels that mail really carries (RFC 2046 4.1.2, WHATWG Encoding)."""

import codecs
from functools import lru_cache

import webencodings

_ASCII_LABELS = frozenset(
    {"", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown", "unknown", "default", "default_charset"}
)
# Charsets that mail still has and WHATWG has dropped. The list is closed: Python's other codecs (zlib, punycode,
# unicode_escape …) are no charsets.
_FURTHER = {
    "utf-7": "utf-7",
    "unicode-1-1-utf-7": "utf-7",
    "hz-gb-2312": "hz",
    "hz": "hz",
    "iso-2022-kr": "iso2022_kr",
    "csiso2022kr": "iso2022_kr",
    "iso-2022-jp-1": "iso2022_jp_1",
    "iso-2022-jp-2": "iso2022_jp_2",
    "iso-2022-jp-3": "iso2022_jp_3",
    "cp437": "cp437",
    "ibm437": "cp437",
    "cp737": "cp737",
    "cp775": "cp775",
    "cp850": "cp850",
    "ibm850": "cp850",
    "cp852": "cp852",
    "ibm852": "cp852",
    "cp855": "cp855",
    "cp858": "cp858",
    "cp862": "cp862",
    "utf-32": "utf-32",
    "utf-32le": "utf-32-le",
    "utf-32be": "utf-32-be",
}
_MAX_LABEL = 64


def decode(content: bytes, label: str | None) -> str:
    """Read bytes as text. An unknown or missing label means a guess; bytes that do not fit become U+FFFD."""
    if content.isascii() and _keeps_ascii(label):
        return content.decode("ascii")
    codec = _codec(label)
    if codec is None:
        return guess(content)
    if codec == "utf-7":  # alone in that it lets half a surrogate pair through
        return content.decode(codec, "replace").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return content.decode(codec, "replace")


def guess(content: bytes) -> str:
    """Read bytes that carry no usable label: UTF-8 where they are that, else Windows-1252."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


@lru_cache(maxsize=256)
def _keeps_ascii(label: str | None) -> bool:
    codec = _codec(label)
    return (
        codec is None
        or codec in ("utf-8", "cp1252")
        or codec.startswith(("iso8859", "cp125", "koi8", "gb", "big5", "euc"))
    )


@lru_cache(maxsize=256)
def _codec(label: str | None) -> str | None:
    plain = (label or "").strip(" \t\r\n\"'").lower()
    if plain in _ASCII_LABELS or len(plain) > _MAX_LABEL or not plain.isascii():
        return None
    further = _FURTHER.get(plain)
    if further:
        return further
    encoding = webencodings.lookup(plain) or webencodings.lookup(plain.replace("_", "-"))
    if encoding is None:
        return None
    name: str = codecs.lookup(encoding.codec_info.name).name
    return None if name == "x-user-defined" else name
