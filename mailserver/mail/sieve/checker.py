"""Check a script before it ever runs (RFC 5228 2.10.5, 3.2): every error has its line and its cause."""

from mailserver.mail.sieve import expansion, language, matching, parser
from mailserver.mail.sieve.problem import SieveProblem
from mailserver.mail.sieve.program import Choice, Condition, Every, Node, Not, Program, Question, Some, Step, Stop
from mailserver.mail.sieve.signature import Arguments, Kind, Option, Signature, Value
from mailserver.mail.sieve.tree import Argument, Command, Number, Tag, Test, Texts

_CONTROLS = frozenset({"if", "elsif", "else", "require", "stop"})
_GROUPING = frozenset({"not", "allof", "anyof"})


def compile_script(script: bytes) -> Program:
    """Read and check a script; SieveProblem where it cannot be used. A large one takes a while."""
    checker = _Checker()
    nodes = checker.block(checker.required(parser.parse(script)))
    return Program(nodes, frozenset(checker.capabilities), frozenset(checker.actions))


class _Checker:
    """Knows what the script has required."""

    def __init__(self) -> None:
        self.capabilities: set[str] = set()
        self.actions: set[str] = set()

    def required(self, commands: tuple[Command, ...]) -> tuple[Command, ...]:
        """Take the `require` commands from the beginning; what comes behind them."""
        for number, command in enumerate(commands):
            if command.name != "require":
                return commands[number:]
            self._require(command)
        return ()

    def _require(self, command: Command) -> None:
        if command.tests or command.block is not None or len(command.arguments) != 1:
            raise SieveProblem(command.line, "require takes a list of strings.")
        (argument,) = command.arguments
        if not isinstance(argument, Texts):
            raise SieveProblem(command.line, "require takes a list of strings.")
        for name in argument.values:
            if name not in language.CAPABILITIES and name not in matching.BUILT_IN:
                raise SieveProblem(argument.line, f"There is no extension {name[:60]!r} here.")
            self.capabilities.add(name)
        if "vacation-seconds" in self.capabilities:  # RFC 6131 3
            self.capabilities.add("vacation")

    # -- commands -----------------------------------------------------------------------------------------------

    def block(self, commands: tuple[Command, ...]) -> tuple[Node, ...]:
        """Check the commands of a block."""
        nodes: list[Node] = []
        arms: list[tuple[Condition | None, tuple[Node, ...]]] = []
        for number, command in enumerate(commands):
            if command.name not in ("if", "elsif", "else"):
                nodes.append(self._command(command))
                continue
            before = commands[number - 1].name if number else ""
            if command.name == "if":
                arms = []
            elif before not in ("if", "elsif"):
                raise SieveProblem(command.line, f"{command.name} stands behind if or elsif alone.")
            arms.append(self._arm(command))
            following = commands[number + 1].name if number + 1 < len(commands) else ""
            if following not in ("elsif", "else") or command.name == "else":
                nodes.append(Choice(tuple(arms)))
        return tuple(nodes)

    def _arm(self, command: Command) -> tuple[Condition | None, tuple[Node, ...]]:
        if command.block is None:
            raise SieveProblem(command.line, f"A block in braces belongs behind {command.name}.")
        if command.arguments or len(command.tests) != int(command.name != "else"):
            needs = "takes no test" if command.name == "else" else "takes one test"
            raise SieveProblem(command.line, f"{command.name} {needs}.")
        condition = self._test(command.tests[0]) if command.tests else None
        return condition, self.block(command.block)

    def _command(self, command: Command) -> Node:
        if command.name == "require":
            raise SieveProblem(command.line, "require stands at the beginning of a script alone.")
        known = language.ACTIONS.get(command.name)
        if known is None and command.name not in _CONTROLS:
            what = (
                "is a test and belongs behind if" if command.name in language.TESTS.keys() | _GROUPING else "is unknown"
            )
            raise SieveProblem(command.line, f"The command {command.name[:40]} {what}.")
        if command.block is not None:
            raise SieveProblem(command.line, f"No block belongs behind {command.name}.")
        if command.tests:
            raise SieveProblem(command.line, f"{command.name} takes no test.")
        if known is None:
            if command.arguments:
                raise SieveProblem(command.line, "stop takes no arguments.")
            return Stop()
        signature, act = known
        self.actions.add(signature.name)
        return Step(act, self._arguments(signature, command.arguments, command.line))

    # -- tests --------------------------------------------------------------------------------------------------

    def _test(self, test: Test) -> Condition:
        if test.name in _GROUPING:
            return self._group(test)
        known = language.TESTS.get(test.name)
        if known is None:
            raise SieveProblem(test.line, f"The test {test.name[:40]} is unknown.")
        if test.tests:
            raise SieveProblem(test.line, f"{test.name} takes no tests.")
        signature, ask = known
        return Question(ask, self._arguments(signature, test.arguments, test.line))

    def _group(self, test: Test) -> Condition:
        if test.arguments or not test.tests:
            raise SieveProblem(test.line, f"{test.name} takes tests.")
        inside = tuple(self._test(each) for each in test.tests)
        if test.name == "not":
            if len(inside) != 1:
                raise SieveProblem(test.line, "not takes one test.")
            return Not(inside[0])
        return Every(inside) if test.name == "allof" else Some(inside)

    # -- arguments ----------------------------------------------------------------------------------------------

    def _arguments(self, signature: Signature, given: tuple[Argument, ...], line: int) -> Arguments:
        self._need(signature.capability, signature.name, line)
        options, rest = self._options(signature, given)
        positional = signature.positional
        values: list[Value] = []
        if signature.first_is_optional and len(rest) == len(positional) - 1:
            positional = positional[1:]
            values.append(None)
        if len(rest) != len(positional):
            wanted = ", ".join(kind.value for kind in signature.positional) or "nothing"
            raise SieveProblem(line, f"{signature.name} takes {wanted}; {len(rest)} arguments are here.")
        values += [self._value(kind, argument, signature.name) for kind, argument in zip(positional, rest, strict=True)]
        arguments = Arguments(line, options, tuple(values))
        complaint = signature.complaint(arguments)
        if complaint:
            raise SieveProblem(line, complaint)
        comparator = arguments.text("comparator")
        if comparator and f"comparator-{comparator}" not in matching.BUILT_IN:
            self._need(f"comparator-{comparator}", f"the comparator {comparator}", line)
        return arguments

    def _options(
        self, signature: Signature, given: tuple[Argument, ...]
    ) -> tuple[dict[str, Value], tuple[Argument, ...]]:
        options: dict[str, Value] = {}
        groups: dict[str, str] = {}
        at = 0
        while at < len(given) and isinstance(tag := given[at], Tag):
            option = signature.options.get(tag.name)
            if option is None:
                raise SieveProblem(tag.line, f"{signature.name} takes no :{tag.name[:40]}.")
            self._need(option.capability, f":{tag.name}", tag.line)
            group = option.group or tag.name
            if group in groups:
                raise SieveProblem(tag.line, f":{tag.name} stands beside :{groups[group]}; one of them may.")
            groups[group] = tag.name
            at += 1
            options[tag.name] = self._option_value(option, given, at, tag)
            at += int(option.value is not None)
        misplaced = next((each for each in given[at:] if isinstance(each, Tag)), None)
        if misplaced is not None:
            raise SieveProblem(misplaced.line, f":{misplaced.name[:40]} belongs before the other arguments.")
        return options, given[at:]

    def _option_value(self, option: Option, given: tuple[Argument, ...], at: int, tag: Tag) -> Value:
        if option.value is None:
            return None
        if at >= len(given):
            raise SieveProblem(tag.line, f"{option.value.value.capitalize()} belongs behind :{tag.name}.")
        return self._value(option.value, given[at], f":{tag.name}")

    def _value(self, kind: Kind, argument: Argument, name: str) -> Value:
        if kind is Kind.NUMBER and isinstance(argument, Number):
            return argument.value
        if isinstance(argument, Texts) and (kind is Kind.TEXTS or (kind is Kind.TEXT and not argument.is_list)):
            texts = tuple(self._text(text, argument.line) for text in argument.values)
            return texts if kind is Kind.TEXTS else texts[0]
        raise SieveProblem(argument.line, f"{name} takes {kind.value} here.")

    def _text(self, text: str, line: int) -> str:
        if "encoded-character" in self.capabilities:
            try:
                text = expansion.decode(text)
            except expansion.BadCharacter as error:
                raise SieveProblem(line, str(error)) from error
        if "variables" in self.capabilities and (strange := expansion.namespace(text)):
            raise SieveProblem(line, f"There is no variable {strange[:60]}.")
        return text

    def _need(self, capability: str, name: str, line: int) -> None:
        if capability and capability not in self.capabilities:
            raise SieveProblem(line, f'{name} needs: require "{capability}";')
