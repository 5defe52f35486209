"""What an import asks of every batch, and an export of every page, is read from an index."""

from mailserver.storage import labels, moving
from mailserver.storage.database import Snapshot
from tests.support import plans


def test_imports_and_exports_walk_indexes(tmp_path):
    with plans.watching(tmp_path) as watched:
        snapshot = Snapshot(watched, watched.database)
        moving.known(snapshot, 1, [b"1", b"2"])
        moving.begun(snapshot, 1)
        moving.with_content(snapshot, 1, [b"1", b"2"])
        moving.page(snapshot, 1, (1, 1), 10)
        assert len(watched.plans) == 4
        for sql, steps in watched.plans:
            assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step], sql
        labels.atoms_of_messages(snapshot, [1, 2])  # the few of a page are sorted when they are found
        sql, steps = watched.plans[-1]
        assert not [step for step in steps if step.startswith("SCAN")], sql
