"""Build the Debian package: a virtual environment under /opt, and what makes it a mail server of the system.

python packaging/build_deb.py --output dist
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import environment
import system_files
from environment import ROOT

PLACE = Path("/opt/mailserver")
SYSTEM_PYTHON = Path("/usr/bin/python3")
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
MAINTAINER = "The mailserver developers <packages@mailserver.invalid>"


def main() -> None:
    """Build what the arguments ask for, and print where it is."""
    asked = _arguments()
    asked.output.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        target = tree / PLACE.relative_to("/")
        target.parent.mkdir(parents=True)
        if asked.environment:
            shutil.copytree(asked.environment, target, symlinks=True)
        else:
            wheel = asked.wheel or environment.build_wheel(ROOT, Path(scratch))
            environment.make(SYSTEM_PYTHON, wheel, target)
        print(package(tree, asked.output, asked.compression))


def package(tree: Path, output: Path, compression: str) -> Path:
    """Make a package of a tree that has the environment in its place."""
    target = tree / PLACE.relative_to("/")
    interpreter = SYSTEM_PYTHON.resolve()  # python3.11, whatever python3 will be after an upgrade of the system
    environment.relocate(target, PLACE, interpreter)
    command = (str(interpreter), "-I", str(ROOT / "packaging" / "compiled.py"), str(target), str(tree))
    subprocess.run(command, check=True)  # byte code is of the interpreter that is to read it
    version = system_files.place(tree, target)
    _modes(tree)
    _control(tree, version, interpreter.name)
    architecture = _said("dpkg", "--print-architecture")
    path = output / f"mailserver_{version}_{architecture}.deb"
    _said("dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(tree), str(path))
    return path


def _control(tree: Path, version: str, interpreter: str) -> None:
    debian = ROOT / "packaging" / "debian"
    control = tree / "DEBIAN"
    control.mkdir()
    size = sum(path.lstat().st_size for path in tree.rglob("*")) // 1024
    text = (debian / "control").read_text(encoding="utf-8")
    text = text.format(
        version=version, architecture=_said("dpkg", "--print-architecture"), size=size, interpreter=interpreter,
        maintainer=os.environ.get("DEB_MAINTAINER", MAINTAINER), libc=system_files.needed_libc(tree),
    )  # fmt: skip
    (control / "control").write_text(text, encoding="utf-8")
    for name in SCRIPTS:
        shutil.copy(debian / name, control / name)
        (control / name).chmod(0o755)
    files = [path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink()]
    kept = [path.relative_to(tree) for path in files if control not in path.parents]
    (control / "conffiles").write_text("".join(f"/{path}\n" for path in kept if path.parts[0] == "etc"))
    (control / "md5sums").write_text(
        "".join(f"{system_files.md5(tree / path)}  {path}\n" for path in kept if path.parts[0] != "etc")
    )


def _modes(tree: Path) -> None:
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            runs = path.is_dir() or bool(path.stat().st_mode & 0o100)
            path.chmod(0o755 if runs else 0o644)


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--wheel", type=Path, help="Package this wheel instead of building one.")
    parser.add_argument("--environment", type=Path, help="Package a copy of this virtual environment.")
    parser.add_argument("--compression", default="xz", choices=["xz", "gzip", "none"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
