"""Whether there is room for mail, on a disk that may not say."""

from concurrent.futures import ThreadPoolExecutor

from mailserver.services.inbound.room import DiskRoom


class Disk:
    """Free bytes and inodes, or the error that asking for them gives."""

    def __init__(self):
        self.answer = (1 << 30, 1 << 20)

    def free(self):
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


async def test_a_disk_that_does_not_say_how_full_it_is_takes_no_mail_until_it_does():
    disk = Disk()
    with ThreadPoolExecutor(1) as executor:
        room = DiskRoom(None, disk, executor, 1 << 20)
        await room.look()
        assert room.is_there
        disk.answer = OSError(5, "Input/output error")
        await room.look()
        assert not room.is_there
        disk.answer = (1 << 30, 1 << 20)
        await room.look()
        assert room.is_there
        disk.answer = (1 << 10, 1 << 20)
        await room.look()
        assert not room.is_there
