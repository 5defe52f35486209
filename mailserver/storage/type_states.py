"""The states of every type of several inboxes at once."""

from collections.abc import Iterable

from mailserver.storage.database import Snapshot

AT_ONCE = 500  # inboxes of one statement


def of(snapshot: Snapshot, inbox_ids: Iterable[int]) -> dict[int, dict[int, int]]:
    """The newest change of each type that has one, by inbox; an entry for every inbox that is asked for."""
    wanted = list(inbox_ids)
    found: dict[int, dict[int, int]] = {inbox_id: {} for inbox_id in wanted}
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        for inbox_id, kind, modseq in snapshot.all(
            f"SELECT inbox_id, type, modseq FROM type_state WHERE inbox_id IN ({','.join('?' * len(some))})", some
        ):
            found[inbox_id][kind] = modseq
    return found
