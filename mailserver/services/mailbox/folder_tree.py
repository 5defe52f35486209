"""How the folders of an inbox may lie in one another."""

from collections.abc import Sequence

from mailserver.entities.folder import Folder

DEEPEST = 10


def is_inside(every: Sequence[Folder], moved_id: int, parent_id: int | None) -> bool:
    """Whether a place lies inside the folder that is to be put there."""
    return moved_id in _ancestors(every, parent_id)


def depth_at(every: Sequence[Folder], moved_id: int | None, parent_id: int | None) -> int:
    """How many levels there would be down to the lowest folder of what is put into a place."""
    return 1 + len(_ancestors(every, parent_id)) + (_height(every, moved_id) if moved_id is not None else 0)


def named_beside(every: Sequence[Folder], moved_id: int | None, parent_id: int | None, name: str) -> Folder | None:
    """Another folder of a place that has a name already, letter case aside."""
    for each in every:
        if each.parent_id == parent_id and each.id != moved_id and each.name.casefold() == name.casefold():
            return each
    return None


def _ancestors(every: Sequence[Folder], folder_id: int | None) -> list[int]:
    parents = {each.id: each.parent_id for each in every}
    found: list[int] = []
    while folder_id is not None:
        found.append(folder_id)
        folder_id = parents[folder_id]
    return found


def _height(every: Sequence[Folder], folder_id: int) -> int:
    """How many levels lie below a folder."""
    level, height = {folder_id}, 0
    while level := {each.id for each in every if each.parent_id in level}:
        height += 1
    return height
