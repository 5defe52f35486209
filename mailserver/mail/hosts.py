"""Host names in links: read out of URLs, brought to the part that somebody registered, and judged by their letters."""

import re
import unicodedata

import idna

_URL = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,15}:)?[\\/]{2,}(?:[^\\/?#@\s]{0,500}@)?(\[[^\]\s]{2,60}\]|[^\\/?#:\s]{1,255})"
)
_SCHEME = re.compile(r"\s*(https?|ftp):", re.IGNORECASE)
_NUMBERS = re.compile(r"(?:0x[0-9a-f]{1,8}|\d{1,11})(?:\.(?:0x[0-9a-f]{1,8}|\d{1,11})){0,3}")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")
_IN_TEXT = re.compile(r"(?:https?://|www\.)[^\s<>\"'()]{3,500}", re.IGNORECASE)
_SHOWN = re.compile(r"(?:https?://|www\.)?((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24})(?=[/?#:\s]|$)", re.IGNORECASE)
# Second-level names below which a country's registry sells; there is no list of them all in here.
_GENERIC = frozenset(
    {"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "mil", "ne", "net", "nom", "or", "org", "sch"}
)
MOST_IN_TEXT = 300


def of_url(url: str) -> str | None:
    """The host of a web link in lower-case A-labels, an address literal with its brackets; None where there is none."""
    plain = url.strip().lower()
    if plain.startswith("www."):
        plain = f"http://{plain}"
    found = _URL.match(plain) if _SCHEME.match(plain) or plain.startswith(("//", "\\\\")) else None
    if found is None:
        return None
    return of_name(found[1])


def of_name(text: str) -> str | None:
    """A host in lower-case A-labels; None for what cannot be one."""
    if text.startswith("["):
        return text
    host = text.rstrip(".")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True, transitional=False).decode("ascii")
        except idna.IDNAError:
            return None
    if _NUMBERS.fullmatch(host) or _NAME.fullmatch(host):
        return host
    return None


def in_text(text: str) -> list[str]:
    """The web links in plain text, 300 at most."""
    found: list[str] = []
    if "://" not in text and "www." not in text.lower():
        return found
    for match in _IN_TEXT.finditer(text):
        found.append(match[0].rstrip(".,;:!?]}"))
        if len(found) >= MOST_IN_TEXT:
            break
    return found


def shown(text: str) -> str | None:
    """The host that a link's own text shows, where that text is a link or a host name and nothing else."""
    plain = text.strip()
    if not plain or len(plain) > 300 or " " in plain:
        return None
    found = _SHOWN.match(plain)
    return found[1].lower() if found else None


def is_address(host: str) -> bool:
    """Whether a host is an IP address, however it is written."""
    return host.startswith("[") or _NUMBERS.fullmatch(host) is not None


def site(host: str) -> str:
    """The part of a host name that somebody registered, as well as can be told without the public suffix list."""
    if is_address(host):
        return host
    labels = host.split(".")
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _GENERIC:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


def mixes_scripts(host: str) -> bool:
    """Whether one label of an A-label host mixes Latin letters with look-alikes of another alphabet."""
    for label in host.split("."):
        if not label.startswith("xn--"):
            continue
        try:
            text = label[4:].encode("ascii").decode("punycode")
        except UnicodeError:
            return True
        scripts = {unicodedata.name(letter, "UNKNOWN").partition(" ")[0] for letter in text if letter.isalpha()}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}:
            return True
    return False
