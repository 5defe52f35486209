"""Which parts of a message are its text, its HTML and its attachments (RFC 8621 4.1.4)."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.jmap import Client
from tests.support.served import Site, served

Tree = str | tuple[str, list[Any]]  # "type name [disposition]", or a kind of multipart with what is in it
PICTURES = ["image/jpeg b", "audio/mp3 c", "video/avi d"]
BY_THE_BOOK: Tree = (
    "mixed",
    [
        "text/plain A inline",
        (
            "mixed",
            [
                (
                    "alternative",
                    [
                        ("mixed", ["text/plain B inline", "image/jpeg C inline", "text/plain D inline"]),
                        ("related", ["text/html E", "image/jpeg F"]),
                    ],
                ),
                "image/jpeg G attachment", "application/x-excel H", "message/rfc822 J",
            ],
        ),
        "text/plain K inline",
    ],
)  # fmt: skip
SHAPES: dict[str, tuple[Tree, str, str, str, bool]] = {
    # name: (the tree, its text, its HTML, its attachments, whether those are worth a paper clip)
    "by the book": (BY_THE_BOOK, "ABCDK", "AEK", "CFGHJ", True),
    "text": ("text/plain a", "a", "a", "", False),
    "HTML": ("text/html a", "a", "a", "", False),
    "a picture": ("image/jpeg a", "a", "a", "", False),
    "a file": ("application/pdf a", "", "", "a", True),
    "text and HTML": (("alternative", ["text/plain a", "text/html b"]), "a", "b", "", False),
    "pictures beside the text of an alternative": (
        ("alternative", [("mixed", ["text/plain a", *PICTURES]), "text/html e"]), "abcd", "e", "bcd", True
    ),
    "pictures beside the HTML of an alternative": (
        ("alternative", ["text/plain e", ("mixed", ["text/html a", *PICTURES])]), "e", "abcd", "bcd", True
    ),
    "pictures behind an alternative": (
        ("mixed", [("alternative", ["text/plain a", "text/html e"]), *PICTURES]), "abcd", "ebcd", "", True
    ),
    "a text that is attached": (("mixed", ["text/plain a", "text/plain b attachment"]), "a", "a", "b", True),
    "HTML with its picture": (("related", ["text/html a", "image/jpeg b"]), "a", "a", "b", False),
}  # fmt: skip


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def _lines(tree: Tree, boundaries: "count[int]") -> list[str]:
    if isinstance(tree, tuple):
        boundary = f"b{next(boundaries)}"
        lines = [f"Content-Type: multipart/{tree[0]}; boundary={boundary}", ""]
        for each in tree[1]:
            lines += [f"--{boundary}", *_lines(each, boundaries)]
        return [*lines, f"--{boundary}--", ""]
    kind, name, *disposition = tree.split()
    lines = [f"Content-Type: {kind}", f"Content-ID: <{name}>"]
    lines += [f"Content-Disposition: {each}" for each in disposition]
    return [*lines, "", *(["Subject: Within", ""] if kind == "message/rfc822" else []), f"This is {name}."]


def _letter(tree: Tree) -> bytes:
    head = EmailMessage()
    head["From"], head["Subject"], head["MIME-Version"] = "joe@remote.test", "Shapes", "1.0"
    return b"\r\n".join([*head.as_bytes().split(b"\n")[:3], *(line.encode() for line in _lines(tree, count()))])


def _kinds(part: dict[str, Any]) -> Any:
    inner = part.get("subParts") or []
    return (part["type"].partition("/")[2], [_kinds(each) for each in inner]) if inner else part["cid"]


def _names(tree: Tree) -> Any:
    return (tree[0], [_names(each) for each in tree[1]]) if isinstance(tree, tuple) else tree.split()[1]


async def test_every_part_stands_where_the_standard_puts_it(site: Site) -> None:
    client = Client(site, "a1")
    for name, (tree, text, html, attachments, has_attachment) in SHAPES.items():
        answer = await site.call(
            "POST", f"/jmap/upload/{client.account_id}", client.token, data=_letter(tree),
            headers={"Content-Type": "message/rfc822"},
        )  # fmt: skip
        boxes = await client.mailboxes()
        given = {"blobId": answer.json["blobId"], "mailboxIds": {boxes["inbox"]: True}}
        made = (await client.one("Email/import", emails={"e": given}))["created"]["e"]
        found = (
            await client.one(
                "Email/get",
                ids=[made["id"]],
                properties=["textBody", "htmlBody", "attachments", "hasAttachment", "bodyStructure", "bodyValues"],
                bodyProperties=["cid", "type", "blobId", "partId", "subParts"],
                fetchAllBodyValues=True,
            )
        )["list"][0]
        parts = {key: "".join(each["cid"] for each in found[key]) for key in ("textBody", "htmlBody", "attachments")}
        assert parts == {"textBody": text, "htmlBody": html, "attachments": attachments}, name
        assert _kinds(found["bodyStructure"]) == _names(tree), name
        assert found["hasAttachment"] is has_attachment, name
        for part in (*found["textBody"], *found["htmlBody"], *found["attachments"]):
            path = f"/jmap/download/{client.account_id}/{part['blobId']}/part"
            assert f"This is {part['cid']}.".encode() in (await site.call("GET", path, client.token)).content, name
            if part["type"].startswith("text/"):
                assert found["bodyValues"][part["partId"]]["value"].startswith(f"This is {part['cid']}."), name
