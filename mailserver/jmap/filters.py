"""Filters: conditions joined by operators, to any depth that is bearable (RFC 8620 5.5)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from mailserver.jmap import errors

DEEPEST = 32
MOST = 500  # conditions and operators of one filter
T = TypeVar("T")
Condition = Callable[[Mapping[str, Any]], Callable[[T], bool]]


class Joined:
    """An operator with its conditions."""

    __slots__ = ("conditions", "operator")

    def __init__(self, operator: str, conditions: "list[Joined | Mapping[str, Any]]") -> None:
        self.operator = operator
        self.conditions = conditions


Tree = Joined | Mapping[str, Any]


def tree(given: object) -> Tree | None:
    """Read a filter; None where nothing is asked for. Bounded in depth and number."""
    if given is None:
        return None
    return _node(given, [MOST], DEEPEST)


def read(given: object, condition: Condition[T]) -> Callable[[T], bool]:
    """A filter as a question about one object."""
    root = tree(given)
    if root is None:
        return lambda _: True
    return _question(root, condition)


def unsupported(name: str) -> errors.MethodRefused:
    """A condition that is not known."""
    return errors.MethodRefused("unsupportedFilter", f"There is no condition {name[:100]}.")


def _node(given: Any, left: list[int], depth: int) -> Tree:
    is_condition = isinstance(given, dict) and "operator" not in given
    left[0] -= max(1, len(given)) if is_condition else 1  # each property is a condition of its own
    if left[0] < 0 or depth == 0:
        raise errors.MethodRefused("unsupportedFilter", f"A filter has at most {MOST} parts and {DEEPEST} levels.")
    if not isinstance(given, dict):
        raise errors.invalid("A filter is an object.", "filter")
    if "operator" not in given:
        return given
    operator, conditions = given["operator"], given.get("conditions")
    if operator not in ("AND", "OR", "NOT") or not isinstance(conditions, list) or set(given) - {
        "operator", "conditions",
    }:  # fmt: skip
        raise errors.invalid("An operator is AND, OR or NOT, with a list of conditions.", "filter")
    return Joined(operator, [_node(each, left, depth - 1) for each in conditions])


def _question(node: Tree, condition: Condition[T]) -> Callable[[T], bool]:
    if not isinstance(node, Joined):
        return condition(node)
    inner = [_question(each, condition) for each in node.conditions]
    if node.operator == "AND":
        return lambda one: all(each(one) for each in inner)
    if node.operator == "OR":
        return lambda one: any(each(one) for each in inner)
    return lambda one: not any(each(one) for each in inner)
