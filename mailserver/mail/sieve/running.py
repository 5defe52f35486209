"""Run a program over a message (RFC 5228 2.10)."""

from dataclasses import replace

from mailserver.mail.sieve.facts import Letter, World
from mailserver.mail.sieve.machine import Machine
from mailserver.mail.sieve.problem import SieveFailed
from mailserver.mail.sieve.program import Choice, Condition, Every, Node, Not, Program, Question, Some, Step
from mailserver.mail.sieve.result import KEPT, Result


def run(program: Program, letter: Letter, world: World) -> Result:
    """What a script wants done; where it cannot go on the message is kept, and `problem` says why."""
    machine = Machine(letter, world, program.capabilities)
    try:
        _block(machine, program.nodes)
        return machine.result()
    except SieveFailed as failure:
        return replace(KEPT, problem=str(failure))


def _block(machine: Machine, nodes: tuple[Node, ...]) -> bool:
    """Whether the script goes on behind it."""
    for node in nodes:
        machine.spend(0)
        if isinstance(node, Step):
            node.act(machine, node.arguments)
        elif isinstance(node, Choice):
            if not _choice(machine, node):
                return False
        else:
            return False
    return True


def _choice(machine: Machine, choice: Choice) -> bool:
    for condition, nodes in choice.arms:
        if condition is None or _holds(machine, condition):
            return _block(machine, nodes)
    return True


def _holds(machine: Machine, condition: Condition) -> bool:
    machine.spend(0)
    match condition:
        case Question():
            return condition.ask(machine, condition.arguments)
        case Not():
            return not _holds(machine, condition.test)
        case Every():
            return all(_holds(machine, each) for each in condition.tests)
        case Some():
            return any(_holds(machine, each) for each in condition.tests)
