"""What a machine is set up as."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

USER = "mailserver"
CONFIGURATION = Path("/etc/mailserver/config.toml")
DATA = Path("/var/lib/mailserver")
UNITS = Path("/etc/systemd/system")
PACKAGED_UNITS = Path("/usr/lib/systemd/system")


class Web(StrEnum):
    """How the world reaches HTTP."""

    DIRECT = "direct"  # this server has port 443
    PROXY = "proxy"  # another one has it, and passes on to a port on loopback


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was asked or told. Nothing is written outside `root` where there is one."""

    host: str
    domain: str
    config: Path
    data: Path
    units: Path
    web: Web
    root: Path | None = None
    acme_contact: str | None = None
    user: str | None = None  # who the server runs as, where that is not whoever sets up
    uses_systemd: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that stands now, and whether that is new."""

    what: str
    is_new: bool


def below(root: Path | None, path: Path) -> Path:
    """A path as it is with a prefix; one that is below it already stays."""
    absolute = path.absolute()
    if root is None or absolute.is_relative_to(root):
        return absolute
    return root / absolute.relative_to("/")
