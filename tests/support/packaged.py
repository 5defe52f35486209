"""Packages as they are released, built once for a run of the tests, and a machine to install them on and throw away.

The machine is this one with a layer above it (overlayfs) in namespaces of its own: what is installed, removed or killed
there is so nowhere else.
"""

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = Path("/usr/bin/python3")
SECONDS = 300
_UNREACHABLE = ("Could not find a version", "NewConnectionError", "No matching distribution", "ReadTimeoutError")
_OWN = re.compile(r"site-packages/mailserver/(__pycache__/)?__init__\.[^/]*$")
LAYER = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" none "$1/root"
mount -t proc none "$1/root/proc"
mount --bind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/run"
mkdir -p "$1/root/mnt"
mount --bind "$2" "$1/root/mnt"
printf '#!/bin/sh\\nexit 101\\n' > "$1/root/usr/sbin/policy-rc.d"
chmod 755 "$1/root/usr/sbin/policy-rc.d"
echo ready
exec sleep infinity
"""

# As apt takes away what is there of the kind; dpkg alone would refuse.
ALONE = """
dpkg-query -W -f '${Package} ${Provides}\\n' | grep mail-transport-agent | cut -d' ' -f1 |
  xargs -r dpkg --force-depends --remove
rm -rf /etc/mailserver /var/lib/mailserver /opt/mailserver
"""


def python():
    """The interpreter that packages are built for: the system's, where it is new enough."""
    if SYSTEM_PYTHON.exists():
        found = subprocess.run([SYSTEM_PYTHON, "-c", "import sys, venv; print(sys.version_info >= (3, 11))"], **_TEXT)
        if found.stdout.strip() == "True":
            return SYSTEM_PYTHON
    return Path(sys.executable)


_TEXT = {"capture_output": True, "text": True, "timeout": SECONDS, "cwd": "/"}


def built(*command, **more):
    """Run a step of building; skipped where no registry of packages can be reached."""
    done = subprocess.run([str(part) for part in command], **{**_TEXT, "cwd": ROOT, **more})
    if done.returncode and any(sign in done.stderr for sign in _UNREACHABLE):
        pytest.skip(f"no registry of Python packages can be reached: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def wheel(directory):
    """Build the wheel of this tree."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps")
    # The date is that of every file in it: built twice it is the same.
    built(
        sys.executable, "-m", "pip", "wheel", *quiet, "--wheel-dir", directory, ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1790000000"},
    )  # fmt: skip
    (path,) = directory.glob("*.whl")
    return path


def environment(base):
    """A fresh virtual environment of the lock and the wheel: its directory."""
    directory = base / "packaged" / "environment"
    if not (base / "packaged" / "made").exists():
        path = wheel(base / "packaged")
        script = "import sys, environment; from pathlib import Path; environment.make(*map(Path, sys.argv[1:]))"
        built(
            sys.executable, "-c", script, python(), path, directory,
            env={**os.environ, "PYTHONPATH": str(ROOT / "packaging")},
        )  # fmt: skip
        (base / "packaged" / "made").touch()
    return directory


def package(base):
    """The Debian package of this tree."""
    directory = base / "packaged"
    if not list(directory.glob("*.deb")):
        made = environment(base)
        built(
            sys.executable, ROOT / "packaging/build_deb.py", "--environment", made, "--output", directory,
            "--compression", "none",
        )  # fmt: skip
    (path,) = directory.glob("*.deb")
    return path


def earlier(path, directory, version):
    """The same package with an earlier version."""
    tree = directory / "tree"
    subprocess.run(["dpkg-deb", "-R", path, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    (source,) = tree.glob("opt/mailserver/lib/python3*/site-packages/mailserver/__init__.py")
    lines = source.read_text().splitlines()
    lines = [f'__version__ = "{version}"' if line.startswith("__version__") else line for line in lines]
    source.write_text("\n".join(lines) + "\n")
    for compiled in source.parent.glob("__pycache__/__init__.*"):
        compiled.unlink()
    for name in ("control", "md5sums"):  # dpkg compares files with what it knows of them
        text = (tree / "DEBIAN" / name).read_text().splitlines()
        kept = [line for line in text if not _OWN.search(line)]
        (tree / "DEBIAN" / name).write_text("\n".join(kept) + "\n")
    made = directory / f"mailserver_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, made], check=True, **_TEXT)
    shutil.rmtree(tree)
    return made


def no_machine():
    """Why there can be no machine to throw away; empty where there can."""
    if os.geteuid() != 0 or not shutil.which("dpkg") or python() != SYSTEM_PYTHON:
        return "this needs root, and Debian with a python3 of at least 3.11"
    if subprocess.run(["dpkg", "-s", "mailserver"], **_TEXT).returncode == 0:
        return "mailserver is installed here"
    with_mounts = [
        "unshare",
        "-m",
        "-p",
        "-f",
        "sh",
        "-c",
        LAYER.replace("exec sleep infinity", ""),
        "sh",
        "/mnt",
        "/mnt",
    ]
    if subprocess.run(with_mounts, **_TEXT).returncode:
        return "no overlay can be mounted here"
    return ""


@dataclass(slots=True)
class Machine:
    """A machine to throw away; `exchange` is its /mnt."""

    exchange: Path
    inside: tuple[str, ...]

    def run(self, *command, user="root", stdin=None, **more):
        """Run a command there; exit code, stdout and stderr."""
        found = {name: value for name, value in os.environ.items() if name == "LANG"} | {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/", **more,
        }  # fmt: skip
        done = subprocess.run([*self.as_user(user), *map(str, command)], input=stdin, env=found, **_TEXT)
        return done.returncode, done.stdout, done.stderr

    def as_user(self, user):
        return (*self.inside, "setpriv", f"--reuid={user}", f"--regid={_group(user)}", "--clear-groups")


def _group(user):
    return "nogroup" if user == "nobody" else user


@contextmanager
def machine(directory):
    """A machine that is thrown away at the end, with all that runs on it."""
    layer, exchange = directory / "layer", directory / "exchange"
    layer.mkdir()
    exchange.mkdir()
    process = subprocess.Popen(
        ["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", LAYER, "sh", layer, exchange],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        there = Machine(exchange, ("nsenter", "-t", first, "-m", "-p", "chroot", str(layer / "root")))
        code, _, stderr = there.run("sh", "-c", ALONE)
        assert code == 0, stderr
        yield there
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
