"""Folders that people make, as the API serves them."""

import pytest

from mailserver.services.mailbox import folder_tree, folders
from tests.support.served import served

PATH = "/v1/messages/folders/"
LETTER = b"From: Carol <carol@remote.test>\r\nSubject: %d\r\nMessage-ID: <%d@remote.test>\r\n\r\nHi.\r\n"


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def call(site, method, path, expected=200, who="a1", **body):
    answer = await site.call(method, path, site.tokens[who], **({"json": body} if body else {}))
    assert answer.status == expected, answer.content
    return answer.json if answer.content else None


async def made(site, name, parent=None):
    return await call(site, "POST", PATH, 201, name=name, **({"parentId": parent["id"]} if parent else {}))


async def named(site):
    return {each["name"]: each for each in await call(site, "GET", PATH)}


async def test_a_folder_is_made_renamed_moved_and_removed(site):
    projects = await made(site, "Projects")
    inner = await made(site, "Über uns ", projects)
    assert (inner["name"], inner["parentId"], inner["role"]) == ("Über uns", projects["id"], None)
    moved = await call(site, "PATCH", f"{PATH}{inner['id']}/", name="About", parentId=None)
    assert (moved["name"], moved["parentId"]) == ("About", None)
    await call(site, "PATCH", f"{PATH}{inner['id']}/", parentId=projects["id"])
    await call(site, "DELETE", f"{PATH}{projects['id']}/", 409)
    await call(site, "DELETE", f"{PATH}{inner['id']}/", 204)
    await call(site, "DELETE", f"{PATH}{projects['id']}/", 204)
    await call(site, "DELETE", f"{PATH}{projects['id']}/", 404)
    assert list(await named(site)) == ["Inbox", "Drafts", "Sent", "Archive", "Junk", "Trash"]


async def test_a_folder_is_found_by_its_name_and_takes_mail(site):
    message = await site.house.receive(LETTER % (1, 1))
    await site.house.settled()
    projects = await made(site, "Projects")
    await call(site, "PATCH", f"/v1/messages/{message}/", 204, mailbox_id=projects["id"])
    (row,) = (await call(site, "GET", "/v1/messages/?folder=projects"))["results"]
    assert row["id"] == message
    assert (await named(site))["Projects"]["totalEmails"] == 1


async def test_the_mail_of_a_removed_folder_goes_to_trash_in_parts(site, monkeypatch):
    monkeypatch.setattr(folders, "MOVED_AT_ONCE", 3)
    projects = await made(site, "Projects")
    for number in range(7):
        message = await site.house.receive(LETTER % (number, number))
        await site.house.settled()
        await call(site, "PATCH", f"/v1/messages/{message}/", 204, mailbox_id=projects["id"])
    await call(site, "DELETE", f"{PATH}{projects['id']}/", 409)
    assert (await named(site))["Projects"]["totalEmails"] == 7
    await call(site, "DELETE", f"{PATH}{projects['id']}/?force=true", 204)
    assert (await named(site))["Trash"]["totalEmails"] == 7
    assert await site.house.rows("SELECT * FROM placement WHERE folder_id NOT IN (SELECT id FROM folder)") == []


async def test_folders_with_a_role_stay_as_they_are(site):
    for each in (await named(site)).values():
        await call(site, "PATCH", f"{PATH}{each['id']}/", 403, name="Other")
        await call(site, "DELETE", f"{PATH}{each['id']}/?force=true", 403)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "a\x00b"])
async def test_a_name_that_cannot_be_used_is_refused(site, name):
    await call(site, "POST", PATH, 400, name=name)


async def test_names_are_in_use_once_in_a_place(site):
    first = await made(site, "Projects")
    await call(site, "POST", PATH, 409, name="projects")
    await call(site, "POST", PATH, 409, name="INBOX")
    inner = await made(site, "Projects", first)
    await call(site, "PATCH", f"{PATH}{inner['id']}/", 409, parentId=None)
    await call(site, "PATCH", f"{PATH}{first['id']}/", name="PROJECTS")


async def test_no_folder_lies_inside_itself_or_too_deep(site):
    chain = [await made(site, "0")]
    for level in range(1, folder_tree.DEEPEST):
        chain.append(await made(site, str(level), chain[-1]))
    await call(site, "POST", PATH, 400, name="deeper", parentId=chain[-1]["id"])
    await call(site, "PATCH", f"{PATH}{chain[0]['id']}/", 400, parentId=chain[3]["id"])
    await call(site, "PATCH", f"{PATH}{chain[0]['id']}/", 400, parentId=chain[0]["id"])
    other = await made(site, "other")
    await call(site, "PATCH", f"{PATH}{chain[0]['id']}/", 400, parentId=other["id"])
    await call(site, "PATCH", f"{PATH}{chain[1]['id']}/", parentId=other["id"])


async def test_every_change_of_a_folder_moves_the_state_on(site):
    async def state():
        return (await site.house.rows("SELECT modseq FROM inbox WHERE id = ?", site.inboxes["a1"].id))[0][0]

    seen = [await state()]
    folder = await made(site, "Projects")
    seen.append(await state())
    await call(site, "PATCH", f"{PATH}{folder['id']}/", name="Plans")
    seen.append(await state())
    await call(site, "DELETE", f"{PATH}{folder['id']}/", 204)
    seen.append(await state())
    assert seen == sorted(set(seen))
    assert len(await site.house.rows("SELECT * FROM tombstone")) == 1
