"""Packages from npm, for tests that drive a client as its people install it."""

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 120


def installed(directory: Path, package: str) -> Path:
    """A directory with a package in it, nothing of its install scripts run; skips where it cannot be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    (directory / "package.json").write_text('{"private": true}')
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-save")
    try:
        subprocess.run(
            [npm, "install", *options, package],
            cwd=directory, check=True, capture_output=True, timeout=INSTALL_SECONDS, text=True,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = error.stderr or str(error)
        pytest.skip(f"{package} cannot be had from npm: {str(said)[-200:]}")
    return directory
