"""What the package has outside of /opt: commands, units, manual pages, completions, documents."""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import time
from email.utils import formatdate
from pathlib import Path

from environment import PROGRAM, ROOT

DEBIAN = ROOT / "packaging" / "debian"
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/mailserver",
    "zsh": "usr/share/zsh/vendor-completions/_mailserver",
    "fish": "usr/share/fish/vendor_completions.d/mailserver.fish",
}
_SYMBOL = re.compile(rb"GLIBC_2\.(\d+)\x00")


def place(tree: Path, environment: Path) -> str:
    """Put everything in its place; the version that the environment has."""
    version = _program(environment, "--version").split()[-1]
    _commands(tree)
    _units(tree)
    _documents(tree, environment, version)
    for shell, name in COMPLETIONS.items():
        _write(tree / name, _program(environment, "completion", shell))
    shutil.copyfile(DEBIAN / "ufw", _made(tree / "etc/ufw/applications.d/mailserver"))
    shutil.copyfile(DEBIAN / "lintian-overrides", _made(tree / "usr/share/lintian/overrides/mailserver"))
    shutil.copyfile(ROOT / "config/mailserver.toml", _made(tree / "usr/share/mailserver/config.toml"))
    for name in ("alerts.yml", "grafana-dashboard.json"):
        shutil.copyfile(ROOT / "config" / name, _made(tree / "usr/share/mailserver" / name))
    return version


def needed_libc(tree: Path) -> str:
    """The oldest C library that every compiled module can be loaded with."""
    found = {int(number) for path in tree.rglob("*.so*") for number in _SYMBOL.findall(path.read_bytes())}
    return f"2.{max(found)}"


def md5(path: Path) -> str:
    """What dpkg --verify compares a file with."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _commands(tree: Path) -> None:
    _made(tree / "usr/bin/mailserver").symlink_to("/opt/mailserver/bin/mailserver")
    for name, place_below in (("sendmail", "usr/sbin"), ("mailq", "usr/bin"), ("newaliases", "usr/bin")):
        path = _made(tree / place_below / name)
        shutil.copyfile(DEBIAN / name, path)
        path.chmod(0o755)
    _made(tree / "usr/lib/sendmail").symlink_to("../sbin/sendmail")  # FHS 4.7: programs of old look there


def _units(tree: Path) -> None:
    directory = tree / "usr/lib/systemd/system"
    shutil.copytree(ROOT / "systemd", directory, ignore=lambda _, names: {"__pycache__"} & set(names))
    shutil.copyfile(DEBIAN / "package.conf", _made(directory / "mailserver.service.d/10-package.conf"))


def _documents(tree: Path, environment: Path, version: str) -> None:
    manuals = tree / "usr/share/man"
    _packed(manuals / "man8/mailserver.8.gz", _program(environment, "man").encode())
    for name, target in (
        ("man8/sendmail.8.gz", "mailserver.8.gz"), ("man1/mailq.1.gz", "../man8/mailserver.8.gz"),
        ("man1/newaliases.1.gz", "../man8/mailserver.8.gz"),
    ):  # fmt: skip
        _made(manuals / name).symlink_to(target)
    documents = tree / "usr/share/doc/mailserver"
    shutil.copytree(ROOT / "docs", documents / "docs")
    shutil.copyfile(DEBIAN / "copyright", documents / "copyright")
    _packed(documents / "CHANGELOG.md.gz", (ROOT / "CHANGELOG.md").read_bytes())
    built = formatdate(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())), localtime=False, usegmt=True)
    text = (DEBIAN / "changelog").read_text(encoding="utf-8")
    text = text.format(version=version, date=built.replace("GMT", "+0000"))
    _packed(documents / "changelog.gz", text.encode())


def _program(environment: Path, *arguments: str) -> str:
    command = (str(environment / "bin/python3"), "-I", "-B", "-m", PROGRAM, *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout


def _packed(path: Path, content: bytes) -> None:
    _made(path).write_bytes(gzip.compress(content, mtime=0))


def _write(path: Path, text: str) -> None:
    _made(path).write_text(text, encoding="utf-8")


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
