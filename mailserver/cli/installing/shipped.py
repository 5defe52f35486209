"""The files that come with the program: systemd's units and the explained configuration."""

from pathlib import Path

import mailserver

SERVICE = "mailserver.service"
_PACKAGE = Path(mailserver.__file__).parent


def _root() -> Path:
    """Inside an installed package, or the source tree that this runs from."""
    inside = _PACKAGE / "shipped"
    return inside if inside.is_dir() else _PACKAGE.parent


def units() -> dict[str, str]:
    """Every unit by its file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((_root() / "systemd").glob("mailserver*.*"))}


def configuration() -> str:
    """The configuration file with every key in a comment."""
    return (_root() / "config" / "mailserver.toml").read_text(encoding="utf-8")
