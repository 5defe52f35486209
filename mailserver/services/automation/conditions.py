"""Whether a condition can be used, and whether it holds. Nothing here takes a pattern, so nothing takes long."""

from mailserver.entities import errors
from mailserver.entities.workflow import Condition, Fact, Field, Op, Value

LONGEST = 500
MOST_VALUES = 100
LARGEST = 1_000_000.0  # points that no score reaches
One = str | float | bool
_TRUTHS = (Field.HAS_ATTACHMENT, Field.IS_AUTHENTICATED)
_OPS = {
    **dict.fromkeys(_TRUTHS, (Op.EQ, Op.NEQ, Op.EXISTS)),
    Field.SPAM_SCORE: (Op.EQ, Op.NEQ, Op.GT, Op.LT, Op.EXISTS),
    Field.LABEL_ID: (Op.EQ, Op.NEQ, Op.IN, Op.EXISTS),
}
_TEXT = (Op.EQ, Op.NEQ, Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH, Op.IN, Op.EXISTS)


def check(condition: Condition) -> Condition:
    """The condition; Invalid where its field, op and value do not go together."""
    ops = _OPS.get(condition.field, _TEXT)
    if condition.op not in ops:
        sentence = f"{condition.field.value} is compared by {', '.join(op.value for op in ops)}."
        raise errors.Invalid("A condition cannot be used.", conditions=sentence)
    wanted = _wanted(condition)
    if wanted is not None:
        raise errors.Invalid("A condition cannot be used.", conditions=wanted)
    return condition


def holds(condition: Condition, fact: Fact) -> bool:
    """Whether a condition holds; of several facts one has to, and for neq none may be the same."""
    facts = fact if isinstance(fact, tuple) else (fact,)
    there = [each for each in facts if each is not None and each != ""]
    value = condition.value
    if condition.op is Op.EXISTS:
        return bool(there) is value
    if condition.op is Op.NEQ:
        return not any(_same(each, value) for each in there)
    return any(_compare(condition.op, each, value) for each in there)


def _compare(op: Op, fact: One, value: Value) -> bool:
    if op is Op.EQ:
        return _same(fact, value)
    if isinstance(value, list):
        return op is Op.IN and any(_same(fact, each) for each in value)
    if isinstance(fact, str) and isinstance(value, str):
        found, wanted = fact.casefold(), value.casefold()
        return (
            (op is Op.CONTAINS and wanted in found)
            or (op is Op.STARTS_WITH and found.startswith(wanted))
            or (op is Op.ENDS_WITH and found.endswith(wanted))
        )
    if isinstance(fact, str) or isinstance(value, str) or isinstance(fact, bool):
        return False
    return (op is Op.GT and fact > value) or (op is Op.LT and fact < value)


def _same(fact: One, value: Value) -> bool:
    if isinstance(fact, str) and isinstance(value, str):
        return fact.casefold() == value.casefold()
    if isinstance(fact, bool) or isinstance(value, bool):
        return fact is value
    return fact == value


def _wanted(condition: Condition) -> str | None:
    """What kind of value a condition wants, where it has another one."""
    field, op, value = condition.field, condition.op, condition.value
    if op is Op.EXISTS or field in _TRUTHS:
        return None if isinstance(value, bool) else f"{field.value} {op.value} wants true or false."
    if field is Field.SPAM_SCORE:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
        return None if is_number else f"{field.value} {op.value} wants a number."
    if op is Op.IN:
        fits = isinstance(value, list) and 0 < len(value) <= MOST_VALUES and all(map(_is_short, value))
        return None if fits else f"{field.value} in wants a list of 1 to {MOST_VALUES} texts."
    return None if _is_short(value) else f"{field.value} {op.value} wants a text of 1 to {LONGEST} characters."


def _is_short(value: Value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST
