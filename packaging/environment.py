"""Make a virtual environment of locked dependencies and one wheel, and let it lie elsewhere than it was made."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
PROGRAM = "mailserver"


def make(python: Path, wheel: Path, directory: Path) -> None:
    """Make it for an interpreter; nothing is installed whose hash is not in the lock."""
    _run(python, "-m", "venv", "--without-pip", directory)
    install(directory, "--require-hashes", "--no-deps", "--requirement", LOCK)
    install(directory, "--no-deps", wheel)


def install(directory: Path, *what: str | Path) -> None:
    """Install by the pip of whoever runs this: the environment itself needs none."""
    quiet = ("--quiet", "--quiet", "--disable-pip-version-check", "--no-compile")
    _run(sys.executable, "-m", "pip", "--python", directory / "bin" / "python3", "install", *quiet, *what)


def build_wheel(tree: Path, directory: Path) -> Path:
    """Build the wheel of a source tree."""
    quiet = ("--quiet", "--quiet", "--disable-pip-version-check")
    _run(sys.executable, "-m", "pip", "wheel", *quiet, "--no-deps", "--wheel-dir", directory, tree)
    return max(directory.glob(f"{PROGRAM}-*.whl"), key=lambda path: path.stat().st_mtime_ns)


def relocate(directory: Path, place: Path, interpreter: Path) -> None:
    """Have an environment work at another place, with that interpreter of the system, and know of no other."""
    commands = directory / "bin"
    for path in commands.iterdir():
        if path.name != PROGRAM:  # what libraries bring for their own authors is nobody's command here
            path.unlink()
    (commands / "python3").symlink_to(interpreter)
    (commands / "python").symlink_to("python3")
    script = commands / PROGRAM
    _, _, body = script.read_text(encoding="utf-8").partition("\n")
    # -P: a directory that the caller is in is never searched for modules.
    script.write_text(f"#!{place}/bin/python3 -P\n{body}", encoding="utf-8")
    (directory / "pyvenv.cfg").write_text(
        f"home = {interpreter.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    for path in directory.rglob("direct_url.json"):  # where the wheel lay on the machine that built
        path.unlink()
    shutil.rmtree(directory / "include", ignore_errors=True)


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT)
