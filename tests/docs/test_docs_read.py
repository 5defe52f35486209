"""The blocks of the guide are of kinds that a test can read or run, and say why where it does not."""

import json
import re
import tomllib

import pytest

from mailserver.settings import configuration
from tests.support import guide

MOST_NOT_RUN = 20
INDENTED = ("    mailserver ", "    curl ", "    python ", "    make ")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", guide.PAGES, ids=lambda page: page.stem)
def test_every_block_says_what_it_is_and_can_be_read(page, tmp_path):
    for block in guide.blocks(page):
        assert block.language in guide.RUN | guide.READ, str(block)
        if block.language == "json":
            json.loads(block.text)
        if block.language == "toml":
            written = {"hostname": "mail.example.com", "data_dir": str(tmp_path), **tomllib.loads(block.text)}
            configuration.Settings(**written)


def test_what_is_not_run_says_why_and_is_little():
    left = [block for page in guide.PAGES for block in guide.blocks(page) if "not run" in block.directions]
    for block in left:
        print(f"{block}: {block.directions['not run']}")
        assert block.directions["not run"], str(block)
    assert len(left) <= MOST_NOT_RUN


def test_commands_are_shown_in_blocks_that_are_run():
    shown = [
        f"{page.name}:{number}"
        for page in guide.PAGES
        for number, line in enumerate(page.read_text().splitlines(), 1)
        if line.startswith(INDENTED)
    ]
    assert not shown


def test_the_comparison_can_fail():
    shown = {"id": "msg_…", "to": [{"email": "a@x"}], "total": 1}
    assert not guide.difference(shown, {"id": "msg_1", "to": [{"email": "a@x", "name": ""}], "total": 1, "more": 2})
    assert guide.difference(shown, {"id": "thr_1", "to": [{"email": "a@x"}], "total": 1})
    assert guide.difference(shown, {"id": "msg_1", "to": [], "total": 1})
    assert guide.difference(shown, {"id": "msg_1", "to": [{"email": "a@x"}], "total": True})


@pytest.mark.parametrize("page", guide.PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if target.startswith(("https://", "mailto:")):
            continue
        assert not target.startswith("http://"), target
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(found), f"{page.name}: {target}"


def anchors(page):
    """What hosts of Markdown make of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_contents_name_every_page_once():
    contents = guide.ROOT / "docs" / "README.md"
    named = [target for target in LINK.findall(contents.read_text()) if target.endswith(".md") and "/" not in target]
    assert sorted(named) == sorted(page.name for page in (guide.ROOT / "docs").glob("*.md") if page != contents)
