"""Rules of the tree that no linter knows."""

import ast
import functools
import re
import tomllib
from pathlib import Path

import pytest

from mailserver.settings import loading

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "mailserver").rglob("*.py"))
LONGEST = 400
ALLOWED_LONG: dict[str, str] = {}  # path to reason
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
REFERENCE = re.compile(r"RFC (\d{3,5})")


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_is_one_noun_and_not_too_long(path):
    assert path.stem not in BANNED_NAMES
    if name(path) not in ALLOWED_LONG:
        assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports_stand_at_the_top_and_hide_nothing(path):
    tree = ast.parse(path.read_text())
    inside = [
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not inside
    assert "TYPE_CHECKING" not in path.read_text()


def test_every_rfc_that_the_code_names_is_listed():
    listed = {line.split()[0] for line in (ROOT / "docs/rfcs.txt").read_text().splitlines() if line[:1].isdigit()}
    named = {number for path in SOURCES for number in REFERENCE.findall(path.read_text())}
    assert not named - listed


def test_every_setting_is_explained_in_the_example_with_its_default():
    text = (ROOT / "config/mailserver.toml").read_text()
    for key, default in loading.keys().items():
        section, _, short = key.rpartition(".")
        where = text if not section else text[text.index(f"[{section}]") :]
        found = re.search(rf"^#{short} = (.*)$", where, re.MULTILINE)
        assert found, key
        if default not in (None, "", (), {}) and key != "storage.database":
            written = tomllib.loads(f"value = {found[1]}")["value"]
            assert (tuple(written) if isinstance(written, list) else written) == default, key


def test_the_example_is_valid_when_every_key_is_taken_out_of_its_comment(tmp_path):
    text = (ROOT / "config/mailserver.toml").read_text()
    path = tmp_path / "config.toml"
    path.write_text(re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE))
    assert loading.load(path).hostname == "mail.example.com"


def test_the_project_names_no_machine_and_no_registry():
    for path in [*SOURCES, *(ROOT / "docs").glob("*"), ROOT / "README.md", ROOT / "pyproject.toml", ROOT / "Makefile"]:
        text = path.read_text()
        assert "/work/" not in text, path
        assert "pypi.org" not in text, path


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_nothing_is_raised_in_an_except_star(path):
    """Python before 3.11.4, which Debian 12 has, puts it into a group: the process would end with 1 and a traceback."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.TryStar):
            inside = [each for handler in node.handlers for part in handler.body for each in ast.walk(part)]
            called = [ast.unparse(each.func) for each in inside if isinstance(each, ast.Call)]
            assert not {"sys.exit", "exits.fail"} & set(called)
            assert not [each for each in inside if isinstance(each, ast.Raise)]


@functools.cache
def defined(path):
    """The names that stand at the top of a file, and the files beside it that can be imported."""
    body = ast.parse(path.read_text()).body if path.exists() else []
    found = (
        {child.stem for child in path.parent.iterdir()} if path.name == "__init__.py" or not path.exists() else set()
    )
    for node in (child for each in body for child in ast.walk(each)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_what_tests_take_of_one_another_is_there():
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
                place = ROOT.joinpath(*node.module.split("."))
                there = defined(place / "__init__.py" if place.is_dir() else place.with_suffix(".py"))
                assert {alias.name for alias in node.names} <= there, f"{name(path)}:{node.lineno}"
