"""What packages are made of agrees with what the project says."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = re.compile(
    r"^([A-Za-z0-9_.-]+)==(\S+)(?: ; .*?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def lock():
    """The versions that are locked."""
    return {
        canonicalize_name(name): version
        for name, version, _ in PINNED.findall((ROOT / "requirements.lock").read_text())
    }


@pytest.mark.parametrize("text", PROJECT["project"]["dependencies"])
def test_the_lock_has_what_the_project_asks_for(text):
    """`make lock` makes it anew."""
    wanted = Requirement(text)
    assert canonicalize_name(wanted.name) in lock(), "not locked: run make lock"
    assert wanted.specifier.contains(lock()[canonicalize_name(wanted.name)], prereleases=True), "run make lock"


def test_every_locked_version_has_its_hashes_and_a_reason_to_be_there():
    text = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^[^\s#].*==", text, re.MULTILINE)
    assert len(pins) == len(lock())
    wanted = {canonicalize_name(Requirement(each).name) for each in PROJECT["project"]["dependencies"]}
    blocks = re.split(r"(?m)^(?=[^\s#])", text)[1:]
    assert all("# via" in block for block in blocks)
    direct = {
        canonicalize_name(block.partition("==")[0]) for block in blocks if " mailserver (pyproject.toml)" in block
    }
    assert direct == wanted, "something was taken out of the project: run make lock"


def test_the_version_is_said_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "mailserver/__init__.py"
