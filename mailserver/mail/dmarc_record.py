"""DMARC policy records: v=DMARC1 and its tags (RFC 9989 4.7, 4.8)."""

import re
from dataclasses import dataclass
from typing import Literal

MAX_RECORD = 8 * 1024
MAX_ADDRESSES = 10  # of rua or ruf that anybody gets a report at
REQUESTS = ("none", "quarantine", "reject")
_VERSION = re.compile(rb"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_TAG = re.compile(r"[ \t]*([A-Za-z]+)[ \t]*=[ \t]*([\x20-\x3a\x3c-\x7e\t]*)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_SIZE = re.compile(r"![0-9]+[kmgt]?\Z", re.IGNORECASE)
Disposition = Literal["none", "quarantine", "reject"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a record publishes; '' for a request that it leaves out. `is_testing` is t=y."""

    p: str = ""
    sp: str = ""
    np: str = ""
    adkim: str = "r"
    aspf: str = "r"
    is_testing: bool = False
    psd: str = "u"
    fo: tuple[str, ...] = ("0",)
    rua: tuple[str, ...] = ()
    ruf: tuple[str, ...] = ()

    @property
    def is_applicable(self) -> bool:
        """Whether it asks for anything. A record whose requests cannot be read and that wants no reports does not."""
        return bool(self.p)

    def request(self, *, is_subdomain: bool, exists: bool) -> Disposition:
        """What it asks for mail that fails, of the domain itself or of one below it (RFC 9989 4.10.1)."""
        asked = self.p
        if is_subdomain:
            asked = (self.sp if exists else self.np or self.sp) or self.p
        if self.is_testing:  # RFC 9989 4.7: one level less
            return "quarantine" if asked == "reject" else "none"
        if asked == "reject":
            return "reject"
        return "quarantine" if asked == "quarantine" else "none"


def is_record(text: bytes) -> bool:
    """Whether a TXT value is meant for DMARC: the version stands first, in capitals."""
    return _VERSION.match(text) is not None


def parse(text: bytes) -> Policy | None:
    """Read a record; None where it is none. Tags that are unknown or cannot be read count as absent.

    pct, rf and ri of RFC 7489 are among the unknown ones: a policy applies to all mail or is under test.
    """
    if len(text) > MAX_RECORD or not is_record(text):
        return None
    tags: dict[str, str] = {}
    for piece in text.decode("latin-1").split(";"):
        found = _TAG.fullmatch(piece)
        if found is not None:
            tags.setdefault(found[1].lower(), found[2].strip())
    rua, ruf = _addresses(tags.get("rua", "")), _addresses(tags.get("ruf", ""))
    requests = {name: tags[name].lower() for name in ("p", "sp", "np") if name in tags}
    if requests.get("p") not in REQUESTS or any(each not in REQUESTS for each in requests.values()):
        # RFC 9989 4.10.1: who cannot say what they want but wants reports gets those.
        requests = {"p": "none"} if rua else {}
    return Policy(
        requests.get("p", ""), requests.get("sp", ""), requests.get("np", ""),
        "s" if tags.get("adkim", "").lower() == "s" else "r", "s" if tags.get("aspf", "").lower() == "s" else "r",
        tags.get("t", "").lower() == "y", _psd(tags.get("psd", "")), _options(tags.get("fo", "")), rua, ruf,
    )  # fmt: skip


def single(records: tuple[bytes, ...]) -> tuple[bytes, Policy] | None:
    """The one policy among the TXT values of a name; None where there is none or more than one (RFC 9989 4.10)."""
    found = [text for text in records if is_record(text)]
    policy = parse(found[0]) if len(found) == 1 else None
    return None if policy is None else (found[0], policy)


def _psd(value: str) -> str:
    lowered = value.lower()
    return lowered if lowered in ("y", "n") else "u"


def _options(value: str) -> tuple[str, ...]:
    options = tuple({each.strip().lower(): None for each in value.split(":")[:8]})
    return options if options and all(each in ("0", "1", "d", "s") for each in options) else ("0",)


def _addresses(value: str) -> tuple[str, ...]:
    """RFC 9989 4.6: URIs between commas. The size behind an exclamation mark is a thing of the past."""
    uris = [_SIZE.sub("", each.strip()) for each in value.split(",")]
    return tuple([each for each in uris if _URI.fullmatch(each)][:MAX_ADDRESSES])
