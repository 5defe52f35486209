"""Answers as real programs write them (`tests/vectors/quoting/README.md`), each beside what its writer added."""

from pathlib import Path

import pytest

from mailserver.mail import hypertext, message, quoting

VECTORS = Path(__file__).parents[2] / "vectors" / "quoting"
MESSAGES = sorted(VECTORS.glob("*.eml"))
RIGHT = 0.95


def words(text: str) -> str:
    """The lines that say something; how many blank ones stand between them is nobody's concern."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())


def found(path: Path) -> tuple[str, str]:
    """What is new in a message, and what is new in that."""
    parsed = message.parse(path.read_bytes().replace(b"\n", b"\r\n"))
    if parsed.html is not None:
        once = quoting.extract_html(parsed.html, parsed.subject)
        twice = quoting.extract_html(once, parsed.subject)
        return words(hypertext.to_text(once)), words(hypertext.to_text(twice))
    once = quoting.extract_text(parsed.text or "", parsed.subject)
    return words(once), words(quoting.extract_text(once, parsed.subject))


def test_new_text_is_found_in_nearly_all_of_the_corpus():
    wrong = [path.name for path in MESSAGES if found(path)[0] != words(path.with_suffix(".new").read_text("utf-8"))]
    print(f"{len(MESSAGES) - len(wrong)} of {len(MESSAGES)} are right; wrong: {wrong}")
    assert len(MESSAGES) >= 120
    assert len(wrong) <= (1 - RIGHT) * len(MESSAGES), wrong


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_new_text_holds_nothing_quoted(path):
    once, twice = found(path)
    assert once == twice


def test_every_message_has_its_expectation():
    assert {path.stem for path in VECTORS.glob("*.new")} == {path.stem for path in MESSAGES}
