"""What was found out a moment ago and need not be found out again."""

from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Values that are true for a while. What was put in first goes first where there are too many."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._values: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key) -> Value | None:
        """The value of a key; None where there is none or its time is over."""
        found = self._values.get(key)
        return found[1] if found is not None and found[0] > self._clock() else None

    def forget(self) -> None:
        """Remember nothing."""
        self._values.clear()

    def put(self, key: Key, value: Value) -> None:
        """Remember a value."""
        self._values.pop(key, None)
        while len(self._values) >= self._most:
            del self._values[next(iter(self._values))]
        self._values[key] = (self._clock() + self._seconds, value)
