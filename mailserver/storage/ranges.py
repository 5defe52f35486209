"""Lists that are put together from index ranges, each of which is in order already."""

from collections.abc import Sequence


def merged(ranges: Sequence[str], direction: str) -> str:
    """One statement over ranges that give `at` and `id` and take a limit: the last two values are LIMIT and OFFSET.

    A single range is its own answer and needs no sort; of several, at most a page of each is sorted.
    """
    if len(ranges) == 1:
        return f"{ranges[0]} OFFSET ?"
    union = " UNION ALL ".join(f"SELECT * FROM ({each})" for each in ranges)
    return f"{union} ORDER BY at {direction}, id {direction} LIMIT ? OFFSET ?"


def values(groups: Sequence[Sequence[object]], limit: int, offset: int) -> list[object]:
    """The values of a merged statement: those of each range, and how much of it is wanted."""
    if len(groups) == 1:
        return [*groups[0], limit, offset]
    return [*(value for group in groups for value in (*group, limit + offset)), limit, offset]
