"""Uploads: on the disk before the answer, for seven days, for their inbox only."""

import asyncio
import os
import time

import pytest

from mailserver.entities import errors
from tests.support.inside import inside


@pytest.fixture
async def house(tmp_path):
    async with inside(tmp_path, limits={"upload_bytes": 100_000}) as opened:
        yield opened


async def chunks(content):
    for start in range(0, len(content), 7000):
        yield content[start : start + 7000]


async def upload(house, content=b"content", kind="text/plain", name="a.txt", inbox=None):
    inbox = inbox or house.account.inbox
    return await house.services.attachments.upload(await house.caller(inbox), inbox, chunks(content), kind, name)


async def age(house):
    await house.store.database.write(lambda tx: tx.execute("UPDATE upload SET expires_at = 1"))


def kept(house):
    return [path for path in (house.store.directory / "uploads").rglob("*") if path.is_file()]


async def test_an_upload_is_read_back_by_its_inbox_only(house):
    second = await house.services.inboxes.add("second@local.test")
    content = os.urandom(50_000)
    made = await upload(house, content)
    found = await house.services.attachments.find(house.account.inbox, made.id)
    assert await house.services.attachments.read(found) == content
    for foreign in (made.id, "G" + "a" * 22, "", "../x", made.id.lower() + "x"):
        with pytest.raises(errors.NotFound):
            await house.services.attachments.find(second, foreign)


async def test_the_same_bytes_are_kept_once_until_the_last_of_them_is_over(house):
    first, second = await upload(house), await upload(house)
    assert first.id != second.id
    assert len(kept(house)) == 1
    await house.store.database.write(
        lambda tx: tx.execute("UPDATE upload SET expires_at = 1 WHERE id = ?", (first.id,))
    )
    assert await house.services.attachments.sweep() == 0
    assert len(kept(house)) == 1
    await age(house)
    assert await house.services.attachments.sweep() == 1
    assert kept(house) == []


async def test_what_is_over_is_gone_before_the_sweep(house):
    made = await upload(house)
    await age(house)
    with pytest.raises(errors.NotFound):
        await house.services.attachments.find(house.account.inbox, made.id)


async def test_an_upload_beside_a_sweep_of_the_same_bytes_keeps_its_file(house):
    for _ in range(20):
        await upload(house)
        await age(house)
        made, _ = await asyncio.gather(upload(house), house.services.attachments.sweep())
        assert await house.services.attachments.read(made) == b"content"


async def test_a_file_that_is_too_large_leaves_nothing(house):
    await upload(house, b"x" * 100_000)
    with pytest.raises(errors.TooLarge):
        await upload(house, b"y" * 100_001)
    assert len(kept(house)) == 1


async def test_a_client_that_goes_away_leaves_nothing(house):
    async def broken():
        yield b"x" * 10
        raise ConnectionResetError

    with pytest.raises((ConnectionResetError, errors.StoreFull)):
        await house.services.attachments.upload(
            await house.caller(house.account.inbox), house.account.inbox, broken(), "text/plain", "x"
        )
    assert kept(house) == []


@pytest.mark.parametrize(("kind", "name"), [("text/plain", "a\r\nb"), ("text/pl\nain", "a"), ("text/plain", "a\0")])
async def test_a_name_or_type_that_could_break_out_is_refused_at_the_upload(house, kind, name):
    with pytest.raises(errors.Invalid) as caught:
        await upload(house, b"x", kind, name)
    assert list(caught.value.fields) == ["file"]
    assert kept(house) == []


async def test_halves_of_broken_uploads_are_swept_after_a_day(house):
    await upload(house)
    half = house.store.directory / "uploads" / "tmp.0"
    half.write_bytes(b"x")
    await house.services.attachments.sweep()
    assert half.exists()
    os.utime(half, (1, time.time() - 2 * 86_400))
    await house.services.attachments.sweep()
    assert not half.exists()
