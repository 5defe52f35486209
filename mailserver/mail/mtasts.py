"""MTA-STS: the TXT record that announces a policy, and the policy itself (RFC 8461)."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

LARGEST_POLICY_BYTES = 65_536  # RFC 8461 3.3 lets a sender stop here
LONGEST_AGE_SECONDS = 31_557_600  # RFC 8461 3.2: about one year
MOST_PATTERNS = 200
_RECORD = re.compile(rb"v=STSv1(?P<fields>(?:[ \t]*;[ \t]*[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+)+)[ \t]*;?[ \t]*")
_FIELD = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~]+)")
_ID = re.compile(rb"[A-Za-z0-9]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")


class PolicyInvalid(ValueError):
    """The text is not a policy; the sentence says why."""


class Mode(StrEnum):
    """What a sender does with a host that does not pass (RFC 8461 5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain says about its mail hosts; `hosts` are names or `*.` with a name."""

    mode: Mode
    hosts: tuple[str, ...]
    max_age_seconds: int


def policy_id(records: Sequence[bytes]) -> str | None:
    """The id that a domain's TXT records announce; None where none, or more than one, is a record of RFC 8461 3.1."""
    ours = [record for record in records if record.startswith((b"v=STSv1;", b"v=STSv1 "))]
    if len(ours) != 1:
        return None
    found = _RECORD.fullmatch(ours[0])
    if found is None:
        return None
    ids = [value for name, value in _FIELD.findall(found["fields"]) if name == b"id"]
    return ids[0].decode("ascii") if len(ids) == 1 and _ID.fullmatch(ids[0]) else None


def parse(body: bytes) -> Policy:
    """Read a policy file (RFC 8461 3.2); PolicyInvalid where it cannot be one."""
    if len(body) > LARGEST_POLICY_BYTES:
        raise PolicyInvalid(f"The policy is longer than {LARGEST_POLICY_BYTES} bytes")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyInvalid("The policy is not UTF-8") from error
    values, patterns = _fields(text)
    if values.get("version") != "STSv1":
        raise PolicyInvalid("The policy has no line `version: STSv1`")
    try:
        mode = Mode(values.get("mode", ""))
    except ValueError as error:
        raise PolicyInvalid("The policy has no mode of enforce, testing or none") from error
    age = values.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        raise PolicyInvalid("The policy has no max_age in seconds")
    if not patterns and mode is not Mode.NONE:
        raise PolicyInvalid("The policy names no mx")
    return Policy(mode, tuple(dict.fromkeys(patterns)), min(int(age), LONGEST_AGE_SECONDS))


def matches(patterns: Iterable[str], host: str) -> bool:
    """Whether a policy names an MX host; the wildcard stands for exactly one label (RFC 8461 4.1)."""
    name = host.lower().rstrip(".")
    _, _, parent = name.partition(".")
    return any(pattern == name or (bool(parent) and pattern == f"*.{parent}") for pattern in patterns)


def lines(body: bytes) -> tuple[str, ...]:
    """The policy's lines as a report quotes them (RFC 8460 4.4)."""
    text = body[:LARGEST_POLICY_BYTES].decode("utf-8", "replace")
    return tuple(line.strip() for line in text.splitlines() if line.strip())[: MOST_PATTERNS + 10]


def write(policy: Policy) -> bytes:
    """The file that a domain publishes."""
    hosts = [f"mx: {host}" for host in policy.hosts]
    rows = ["version: STSv1", f"mode: {policy.mode.value}", *hosts, f"max_age: {policy.max_age_seconds}"]
    return "".join(f"{row}\r\n" for row in rows).encode("ascii")


def record(policy: Policy) -> str:
    """The TXT record that announces a policy; its id changes exactly when the policy does."""
    digest = hashlib.sha256(write(policy)).hexdigest()[:20]
    return f"v=STSv1; id={digest};"


def _fields(text: str) -> tuple[dict[str, str], list[str]]:
    """Each field's first value, and every mx. Unknown fields are extensions (RFC 8461 3.2)."""
    values: dict[str, str] = {}
    patterns: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip(" \t"):
            continue
        name, colon, value = (part.strip(" \t") for part in line.partition(":"))
        if not colon or not _NAME.fullmatch(name):
            raise PolicyInvalid("The policy has a line that is no `name: value`")
        if name == "mx":
            pattern = value.lower().rstrip(".")
            if len(pattern) > 255 or not _HOST.fullmatch(pattern):
                raise PolicyInvalid("The policy has an mx that is no host name")
            patterns.append(pattern)
            if len(patterns) > MOST_PATTERNS:
                raise PolicyInvalid(f"The policy names more than {MOST_PATTERNS} mx")
        else:
            values.setdefault(name, value)
    return values, patterns
