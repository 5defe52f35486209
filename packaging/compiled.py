"""Compile an environment's modules with the interpreter that runs this: compiled.py ENVIRONMENT ABOVE."""

import compileall
import py_compile
import shutil
import sys
from pathlib import Path


def compile_modules(directory: Path, above: Path) -> None:
    """Compile every module as of its place below / instead of `above`; by hash, since packages set times anew."""
    for path in sorted(directory.rglob("__pycache__")):
        shutil.rmtree(path)
    compileall.compile_dir(
        directory / "lib", quiet=2, stripdir=above, prependdir="/", workers=0,
        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
    )  # fmt: skip


if __name__ == "__main__":
    compile_modules(Path(sys.argv[1]), Path(sys.argv[2]))
