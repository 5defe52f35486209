"""What is wrong with a script, or went wrong while it ran."""


class SieveProblem(ValueError):
    """The script cannot be used; the text says where and why."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(f"Line {line}: {sentence}")
        self.line = line
        self.sentence = sentence


class SieveFailed(Exception):
    """A script that can be used came to a point where it cannot go on (RFC 5228 2.10.6)."""
