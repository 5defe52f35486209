"""Messages that nobody should write, shown in every form; and requests that nobody should send."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.jmap.email import content
from mailserver.jmap.email.properties import EVERY, Wish
from mailserver.jmap.email.values import Room
from mailserver.mail.header_forms import Form, Wanted
from tests.support import awkward
from tests.support.fuzzing import examples
from tests.support.jmap import CORE, MAIL, Client
from tests.support.served import Site, served

BLOB = "B" + "0" * 64
FIELDS = ("From", "To", "Subject", "Date", "Message-ID", "List-Post", "X-Any", "Received")
ROOM = 1 << 20


def _forms() -> list[Wanted]:
    wanted = []
    for name in FIELDS:
        for form in Form:
            try:
                wanted.append(Wanted(f"header:{name}:as{form.value}:all"))
            except ValueError:
                continue  # not a form of that field
    return wanted


FORMS = tuple(_forms())
WISH = Wish(
    tuple(EVERY), FORMS, ("partId", "blobId", "size", "headers", "name", "type", "charset", "subParts", "language"),
    (), fetches_text=True, fetches_html=True, fetches_all=True, most_octets=500,
)  # fmt: skip


def _holds(raw: bytes) -> None:
    shown = content.show(raw, BLOB, WISH, Room(ROOM))
    orjson.dumps(shown)
    parts = {part["partId"] for name in ("textBody", "htmlBody", "attachments") for part in shown[name]}
    assert None not in parts
    for value in shown["bodyValues"].values():
        assert len(value["value"].encode()) <= 500


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in awkward.messages()])
def test_every_awkward_message_can_be_shown(raw: bytes) -> None:
    _holds(raw)


@examples(300)
@given(st.binary(max_size=2_000))
def test_every_run_of_bytes_can_be_shown(raw: bytes) -> None:
    _holds(raw)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


async def test_what_is_nested_deep_is_refused_not_broken(site: Site) -> None:
    client = Client(site, "a1")
    for depth in (50, 200, 500, 900, 5_000):
        nested = "[" * depth + "]" * depth
        body = f'{{"using":["{CORE}"],"methodCalls":[["Core/echo",{{"a":{nested}}},"0"]]}}'
        answer = await site.call(
            "POST", "/jmap/api", client.token, data=body.encode(), headers={"Content-Type": "application/json"}
        )
        assert answer.status in (200, 400), (depth, answer.content)
        if answer.status == 200 and answer.json["methodResponses"][0][0] == "error":
            assert answer.json["methodResponses"][0][1]["type"] == "invalidArguments"


async def test_a_megabyte_of_calls_is_refused_by_their_number(site: Site) -> None:
    client = Client(site, "a1")
    calls = [["Email/get", {"accountId": client.account_id, "ids": []}, str(number)] for number in range(15_000)]
    body = json.dumps({"using": [CORE, MAIL], "methodCalls": calls}).encode()
    assert len(body) > 1 << 20
    answer = await site.call(
        "POST", "/jmap/api", client.token, data=io.BytesIO(body), headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.json["limit"]) == (400, "maxCallsInRequest")


async def test_a_reference_cannot_multiply_without_end(site: Site) -> None:
    client = Client(site, "a1")
    wide: Any = {"a": [{"b": list(range(1_000))}] * 100}
    calls: list[tuple[str, dict[str, Any]]] = [("Core/echo", wide)]
    calls.append(("Core/echo", {"#a": {"resultOf": "0", "name": "Core/echo", "path": "/a/*/b"}}))
    answers = await client.run(*calls)
    assert answers[1][1]["type"] == "invalidResultReference"
