"""Read a script into its commands (RFC 5228 8.2)."""

from mailserver.mail.sieve import tokens
from mailserver.mail.sieve.problem import SieveProblem
from mailserver.mail.sieve.tokens import Sort, Word
from mailserver.mail.sieve.tree import Argument, Command, Number, Tag, Test, Texts

LARGEST_BYTES = 128 << 10
DEEPEST = 32  # blocks and tests inside one another, together
MOST_COMMANDS = 5_000
MOST_STRINGS = 1_000  # of one list


def parse(script: bytes) -> tuple[Command, ...]:
    """Read a script; SieveProblem with the line where it cannot be read."""
    if len(script) > LARGEST_BYTES:
        raise SieveProblem(1, f"A script has {LARGEST_BYTES >> 10} KB at most.")
    try:
        text = script.decode("utf-8")
    except UnicodeDecodeError as error:
        line = script.count(b"\n", 0, error.start) + 1
        raise SieveProblem(line, "The script is not written in UTF-8.") from error
    nul = text.find("\0")
    if nul >= 0:
        raise SieveProblem(text.count("\n", 0, nul) + 1, "The script has a NUL.")
    return _Parser(text.removeprefix("\ufeff")).script()


class _Parser:
    """Reads word by word, one word ahead."""

    def __init__(self, text: str) -> None:
        self._words = tokens.read(text)
        self._next = next(self._words)
        self._commands = 0

    def script(self) -> tuple[Command, ...]:
        commands = self._block(0)
        if self._next.sort is not Sort.END:
            raise SieveProblem(self._next.line, f"A command is expected here, not {self._shown()}.")
        return commands

    def _take(self) -> Word:
        word = self._next
        if word.sort is not Sort.END:
            self._next = next(self._words)
        return word

    def _is_sign(self, sign: str) -> bool:
        return self._next.sort is Sort.SIGN and self._next.text == sign

    def _expect(self, sign: str) -> None:
        if not self._is_sign(sign):
            raise SieveProblem(self._next.line, f"{sign!r} is expected here, not {self._shown()}.")
        self._take()

    def _shown(self) -> str:
        return "the end of the script" if self._next.sort is Sort.END else repr(self._next.text[:40])

    def _block(self, depth: int) -> tuple[Command, ...]:
        commands = []
        while self._next.sort is Sort.NAME:
            self._commands += 1
            if self._commands > MOST_COMMANDS:
                raise SieveProblem(self._next.line, f"A script has {MOST_COMMANDS:,} commands at most.")
            commands.append(self._command(depth))
        return tuple(commands)

    def _command(self, depth: int) -> Command:
        name = self._take()
        arguments, tests = self._arguments(depth)
        if self._is_sign("{"):
            self._refuse_depth(depth)
            self._take()
            block = self._block(depth + 1)
            self._expect("}")
            return Command(name.text, name.line, arguments, tests, block)
        self._expect(";")
        return Command(name.text, name.line, arguments, tests, None)

    def _arguments(self, depth: int) -> tuple[tuple[Argument, ...], tuple[Test, ...]]:
        arguments: list[Argument] = []
        while (argument := self._argument()) is not None:
            arguments.append(argument)
        return tuple(arguments), self._tests(depth)

    def _argument(self) -> Argument | None:
        word = self._next
        if word.sort is Sort.TAG:
            return Tag(self._take().text, word.line)
        if word.sort is Sort.NUMBER:
            return Number(self._take().number, word.line)
        if word.sort is Sort.TEXT:
            return Texts((self._take().text,), word.line, is_list=False)
        return self._list() if self._is_sign("[") else None

    def _list(self) -> Texts:
        line = self._take().line
        values: list[str] = []
        while True:
            if self._next.sort is not Sort.TEXT:
                raise SieveProblem(self._next.line, f"A string is expected here, not {self._shown()}.")
            values.append(self._take().text)
            if len(values) > MOST_STRINGS:
                raise SieveProblem(line, f"A list has {MOST_STRINGS:,} strings at most.")
            if self._is_sign("]"):
                self._take()
                return Texts(tuple(values), line, is_list=True)
            self._expect(",")

    def _tests(self, depth: int) -> tuple[Test, ...]:
        if self._next.sort is Sort.NAME:
            return (self._test(depth),)
        if not self._is_sign("("):
            return ()
        self._take()
        found = [self._test(depth)]
        while self._is_sign(","):
            self._take()
            found.append(self._test(depth))
        self._expect(")")
        return tuple(found)

    def _test(self, depth: int) -> Test:
        if self._next.sort is not Sort.NAME:
            raise SieveProblem(self._next.line, f"A test is expected here, not {self._shown()}.")
        self._refuse_depth(depth)
        name = self._take()
        arguments, tests = self._arguments(depth + 1)
        return Test(name.text, name.line, arguments, tests)

    def _refuse_depth(self, depth: int) -> None:
        if depth >= DEEPEST:
            raise SieveProblem(self._next.line, f"Blocks and tests lie inside one another {DEEPEST} deep at most.")
