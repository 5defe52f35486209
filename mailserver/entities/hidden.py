"""What of the mail an API key does not see, although it reads mail."""

from collections.abc import Collection
from dataclasses import dataclass

from mailserver.entities import label, mail_labels
from mailserver.entities.message import Visibility
from mailserver.entities.permission import Permission

_PLACES = {
    Permission.LABEL_SPAM_READ: Visibility.SPAM, Permission.LABEL_BLOCKED_READ: Visibility.BLOCKED,
    Permission.LABEL_TRASH_READ: Visibility.TRASH,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hidden:
    """Messages that are as good as not there; `labels` are atoms. False where nothing is hidden."""

    visibilities: frozenset[Visibility] = frozenset()
    labels: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything is hidden."""
        return bool(self.visibilities or self.labels)

    def covers(self, visibility: Visibility, names: Collection[str]) -> bool:
        """Whether a message of this place and these labels is hidden."""
        return visibility in self.visibilities or any(label.atom(name) in self.labels for name in names)


NOTHING = Hidden()


def lacking(permissions: frozenset[Permission] | None) -> Hidden:
    """What is hidden from whoever has these permissions; nothing from one who has all."""
    if permissions is None:
        return NOTHING
    places = frozenset(place for needed, place in _PLACES.items() if needed not in permissions)
    is_open = Permission.LABEL_UNAUTHENTICATED_READ in permissions
    return Hidden(places, frozenset() if is_open else frozenset({mail_labels.UNAUTHENTICATED}))
