"""The blocks of the guide's pages, and what stands above each of them for the test.

A comment on the line above a block is a direction. It is not shown where the page is read:

    <!-- not run: REASON -->       the block is only read
    <!-- exit 1: REASON -->        every command of the block that fails ends with this code, and one does
    <!-- goes on -->               it does not end by itself: it is interrupted when the page is done
    <!-- file: NAME -->            it is written to NAME, for blocks below
    <!-- answer -->                it is what the last command answered; `…` stands for anything
    <!-- again until: TEXT -->     it is run again until its output has TEXT
    <!-- on another machine -->    it is run where there is no server, on a directory that is not there yet
    <!-- on a bare machine -->     it is run where nothing is set up
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN = {"sh", "python", "js"}
READ = {"text", "json", "toml", "http", ""}
DIRECTION = re.compile(
    r"<!-- (not run|exit \d+|goes on|file|answer|again until|on another machine|on a bare machine)(?:: (.*?))? -->"
)
COMMENT = re.compile(r"<!--.*-->")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    directions: dict[str, str]

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.language})"

    @property
    def exit_code(self) -> int:
        """What its commands end with where they fail on purpose."""
        return next((int(name[5:]) for name in self.directions if name.startswith("exit ")), 0)


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in their order."""
    directions: dict[str, str] = {}
    language, begun, inside = "", 0, []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if begun and line.rstrip() == "```":
            yield Block(str(page.relative_to(ROOT)), begun, language, "\n".join(inside) + "\n", directions)
            directions, begun, inside = {}, 0, []
        elif begun:
            inside.append(line)
        elif line.startswith("```"):
            language, begun = line[3:].strip(), number
        elif COMMENT.fullmatch(line):
            found = DIRECTION.fullmatch(line)
            assert found, f"{page.name}:{number}: no such direction: {line}"
            directions[found[1]] = found[2] or ""
        else:
            assert not directions, f"{page.name}:{number}: a direction stands on the line above its block"
    assert not begun, f"{page.name}:{begun}: the block does not end"


def difference(shown: object, answered: object, place: str = "") -> str:
    """Where an answer is not what a page shows of it: fields that are shown are there, `…` stands for anything."""
    if isinstance(shown, dict):
        if not isinstance(answered, dict) or not shown.keys() <= answered.keys():
            return f"{place}: {answered!r} has not the fields {list(shown)}"
        return next(
            filter(None, (difference(value, answered[name], f"{place}.{name}") for name, value in shown.items())), ""
        )
    if isinstance(shown, list):
        if not isinstance(answered, list) or len(answered) < len(shown):
            return f"{place}: {answered!r} is not a list of {len(shown)}"
        return next(filter(None, (difference(one, answered[at], f"{place}[{at}]") for at, one in enumerate(shown))), "")
    if isinstance(shown, str) and "…" in shown:
        pattern = ".*".join(re.escape(part) for part in shown.split("…"))
        return "" if re.fullmatch(pattern, str(answered), re.DOTALL) else f"{place}: {answered!r} is not {shown!r}"
    return "" if shown == answered and type(shown) is type(answered) else f"{place}: {answered!r} is not {shown!r}"
