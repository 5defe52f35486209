"""Whether the name that an address calls itself by knows the address (RFC 8601 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

MAX_NAMES = 5


class Status(StrEnum):
    """The results of RFC 8601 2.7.3."""

    PASS = "pass"  # noqa: S105 - a word of the RFC, no secret
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Result:
    """What DNS says about an address; `name` is the one that was confirmed."""

    status: Status
    address: str
    name: str = ""


def judge(address: str, pointers: Sequence[str] | None, forward: Mapping[str, Sequence[str] | None]) -> Result:
    """Hold the names of an address against their own addresses; None where DNS gave no answer."""
    if pointers is None:
        return Result(Status.TEMPERROR, address)
    if not pointers:
        return Result(Status.PERMERROR, address)
    peer = plain(address)
    unknown = False
    for name in pointers[:MAX_NAMES]:
        found = forward.get(name)
        if found is None:
            unknown = True
        elif any(plain(each) == peer for each in found):
            return Result(Status.PASS, address, name)
    return Result(Status.TEMPERROR if unknown else Status.FAIL, address)


def plain(address: str) -> str:
    """An address in its shortest form, IPv4 in IPv6 as IPv4; as it stands where it is none."""
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(read, "ipv4_mapped", None)
    return str(mapped or read)
