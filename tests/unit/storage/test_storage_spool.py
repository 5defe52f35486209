import os

from mailserver.storage import files
from mailserver.storage.files import MessageFiles


def filled(kept):
    spool = kept.spool()
    os.write(spool, b"Received: here\r\n")
    os.write(spool, b"x" * 200_000)
    return spool


CONTENT = b"Received: here\r\n" + b"x" * 200_000


def test_a_whole_spool_becomes_the_file_itself(tmp_path):
    kept = MessageFiles(tmp_path)
    spool = filled(kept)
    kept.adopt_whole("inb_1/cur/AA/msg_1", spool, len(CONTENT))
    assert os.fstat(spool).st_ino == kept.path("inb_1/cur/AA/msg_1").stat().st_ino
    os.close(spool)
    assert kept.read("inb_1/cur/AA/msg_1") == CONTENT
    assert os.listdir(tmp_path / "tmp") == []


def test_a_whole_spool_replaces_what_a_crash_left(tmp_path):
    kept = MessageFiles(tmp_path)
    kept.write("inb_1/cur/AA/msg_1", [b"half"], sync=False)
    spool = filled(kept)
    kept.adopt_whole("inb_1/cur/AA/msg_1", spool, len(CONTENT))
    os.close(spool)
    assert kept.read("inb_1/cur/AA/msg_1") == CONTENT


def test_a_spool_that_can_have_no_name_is_copied(tmp_path, monkeypatch):
    kept = MessageFiles(tmp_path)
    monkeypatch.setattr(files.os, "O_TMPFILE", os.O_DIRECTORY)  # as on a file system without unnamed files
    spool = filled(kept)
    assert os.fstat(spool).st_nlink == 0
    kept.adopt_whole("inb_1/cur/AA/msg_1", spool, len(CONTENT))
    os.close(spool)
    assert kept.read("inb_1/cur/AA/msg_1") == CONTENT
    assert os.listdir(tmp_path / "tmp") == []
