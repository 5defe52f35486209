"""Message files: whole or not there."""

import errno
import os

import pytest

from mailserver.storage.files import MessageFiles


@pytest.fixture
def kept(tmp_path):
    return MessageFiles(tmp_path / "mail")


def litter(kept):
    return list((kept.path("") / "tmp").iterdir())


def failing(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_written_linked_read_and_removed(kept):
    kept.write("inb_1/cur/AB/msg_1", [b"one ", memoryview(b"two")], sync=True)
    kept.link("inb_1/cur/AB/msg_1", "inb_2/cur/AB/msg_2")
    assert kept.read("inb_2/cur/AB/msg_2") == b"one two"
    assert kept.size("inb_1/cur/AB/msg_1") == 7
    assert sorted(kept.places()) == ["inb_1/cur/AB/msg_1", "inb_2/cur/AB/msg_2"]
    kept.remove("inb_1/cur/AB/msg_1")
    kept.remove("inb_1/cur/AB/msg_1")
    assert kept.size("inb_1/cur/AB/msg_1") is None
    assert kept.read("inb_2/cur/AB/msg_2") == b"one two"
    assert litter(kept) == []


def test_a_link_takes_the_place_of_another_file_but_leaves_the_same_one(kept):
    kept.write("a/cur/AB/1", [b"whole"], sync=False)
    kept.write("b/cur/AB/2", [b""], sync=False)
    kept.link("a/cur/AB/1", "b/cur/AB/2")
    kept.link("a/cur/AB/1", "b/cur/AB/2")
    assert kept.read("b/cur/AB/2") == b"whole"
    assert litter(kept) == []


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_failing_call_leaves_neither_a_file_nor_litter(kept, monkeypatch, call):
    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing)
        with pytest.raises(OSError, match="No space"):
            kept.write("a/cur/AB/1", [b"x" * 100], sync=True)
    assert kept.size("a/cur/AB/1") is None
    assert litter(kept) == []
    kept.write("a/cur/AB/1", [b"x"], sync=True)


def test_a_directory_that_somebody_removed_is_made_again(kept):
    kept.write("a/cur/AB/1", [b"x"], sync=False)
    kept.remove("a/cur/AB/1")
    (kept.path("a/cur/AB")).rmdir()
    kept.write("a/cur/AB/2", [b"y"], sync=False)
    assert kept.read("a/cur/AB/2") == b"y"


@pytest.mark.parametrize("in_kernel", [True, False])
def test_a_spool_becomes_a_file_behind_a_head(kept, monkeypatch, in_kernel):
    if not in_kernel:

        def refused(*_):
            raise OSError(errno.EXDEV, "other file system")

        monkeypatch.setattr(os, "copy_file_range", refused)
    content = os.urandom(3_000_001)
    spool = kept.spool()
    os.write(spool, content)
    kept.adopt("a/cur/AB/1", b"head\r\n", spool, len(content), skip=17)
    os.close(spool)
    assert kept.read("a/cur/AB/1") == b"head\r\n" + content[17:]


def test_a_spool_that_is_shorter_than_it_should_be_is_no_file(kept):
    spool = kept.spool()
    os.write(spool, b"short")
    with pytest.raises(OSError, match="shorter"):
        kept.adopt("a/cur/AB/1", b"", spool, 100)
    os.close(spool)
    assert kept.size("a/cur/AB/1") is None
    assert litter(kept) == []


def test_a_spool_is_to_be_had_where_the_file_system_has_no_unnamed_files(kept, monkeypatch):
    really = os.open

    def named_only(path, flags, *more, **others):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no unnamed files")
        return really(path, flags, *more, **others)

    monkeypatch.setattr(os, "open", named_only)
    spool = kept.spool()
    os.write(spool, b"x")
    assert litter(kept) == []
    os.close(spool)


def test_what_a_crash_left_in_tmp_is_swept(kept):
    (kept.path("") / "tmp" / "1.1").write_bytes(b"half")
    assert kept.sweep_temporary() == 1
    assert litter(kept) == []
    assert list(kept.places()) == []


def test_files_are_for_their_owner_only(kept):
    kept.write("a/cur/AB/1", [b"x"], sync=False)
    assert kept.path("a/cur/AB/1").stat().st_mode & 0o077 == 0
    assert kept.path("a").stat().st_mode & 0o077 == 0
