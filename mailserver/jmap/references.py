"""Result references: arguments that are found in earlier answers of the same request (RFC 8620 3.7)."""

import re
from collections.abc import Sequence
from typing import Any

from mailserver.jmap import errors

MOST_FOUND = 50_000  # values that one reference may gather
LONGEST_PATH = 512
Answer = tuple[str, dict[str, Any], str]
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def resolve(arguments: dict[str, Any], answers: Sequence[Answer]) -> dict[str, Any]:
    """The arguments with every `#name` replaced by what it refers to."""
    if not any(name.startswith("#") for name in arguments):
        return arguments
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        if not name.startswith("#"):
            found[name] = value
            continue
        if name[1:] in arguments:
            raise errors.invalid(f"{name[1:]} is given twice, once by reference.", name[1:])
        found[name[1:]] = _referred(value, answers)
    return found


def _referred(reference: object, answers: Sequence[Answer]) -> Any:
    if (
        not isinstance(reference, dict)
        or set(reference) != {"resultOf", "name", "path"}
        or not all(isinstance(value, str) for value in reference.values())
    ):
        raise _broken("A reference has the three strings resultOf, name and path.")
    answer = next((each for each in answers if each[2] == reference["resultOf"]), None)
    if answer is None:
        raise _broken("There is no earlier answer of that call id.")
    if answer[0] != reference["name"]:
        raise _broken(f"The first answer of that call is {answer[0]}.")
    path = reference["path"]
    if len(path) > LONGEST_PATH or (path and not path.startswith("/")):
        raise _broken("The path is no JSON pointer.")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]
    return _follow(answer[1], steps)


def _follow(value: Any, steps: Sequence[str]) -> Any:
    for position, step in enumerate(steps):
        if isinstance(value, dict):
            if step not in value:
                raise _broken("The path leads to nothing.")
            value = value[step]
        elif isinstance(value, list) and step == "*":
            gathered: list[Any] = []
            for each in value:
                found = _follow(each, steps[position + 1 :])
                gathered.extend(found if isinstance(found, list) else [found])
                if len(gathered) > MOST_FOUND:
                    raise _broken(f"The path leads to more than {MOST_FOUND:,} values.")
            return gathered
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            raise _broken("The path leads to nothing.")
    return value


def _broken(description: str) -> errors.MethodRefused:
    return errors.MethodRefused("invalidResultReference", description)
