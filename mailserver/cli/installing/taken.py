"""Which program has a port."""

from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"  # proc(5): the state of a socket
_TABLES = ("tcp", "tcp6")


def holders(ports: set[int], proc: Path = Path("/proc")) -> dict[int, str]:
    """Those ports that are taken, each with its program; `another program` where that is not ours to see."""
    inodes: dict[str, int] = {}
    for table in _TABLES:
        with suppress(OSError):
            for line in (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                port = int(fields[1].rpartition(":")[2], 16)
                if fields[3] == _LISTENING and port in ports:
                    inodes[fields[9]] = port
    found = dict.fromkeys(inodes.values(), "another program")
    return found | _programs(inodes, proc) if inodes else {}


def _programs(inodes: dict[str, int], proc: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):  # it may end while we look, or be somebody else's
            for link in (process / "fd").iterdir():
                target = str(link.readlink())
                port = inodes.get(target[8:-1]) if target.startswith("socket:[") else None
                if port is not None:
                    name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                    found[port] = f"{name} (process {process.name})"
    return found
