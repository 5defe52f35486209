"""Two JMAP clients that live by changes alone stay in step with everything that any door does to the mail.

MAILSERVER_FUZZ=long tries a hundred times as many seeds.
"""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import fuzzing
from tests.support.jmap import USING, Client
from tests.support.jmap_copy import Copy, whole
from tests.support.jmap_doors import AGENT, Doors
from tests.support.served import Site, served

pytestmark = pytest.mark.timeout(300)
SUBMISSION = "urn:ietf:params:jmap:submission"
STEPS = 80
SEEDS = range(4 * (fuzzing.LONGER if fuzzing.IS_LONG else 1))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as opened:
        yield opened


def client_of(site: Site) -> Client:
    return Client(site, "a1", [*USING, SUBMISSION])


@pytest.mark.parametrize("seed", SEEDS)
async def test_two_clients_have_in_the_end_what_a_third_one_fetches(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    client = client_of(site)
    doors = Doors(site, client, chance)
    await doors.open()
    copies = [Copy(client, chance, doors.step) for _ in range(2)]
    for copy in copies:
        await copy.begin()
    for _ in range(STEPS):
        await doors.step()
        if chance.random() < 0.3:
            await chance.choice(copies).sync()
    truth = await whole(client)
    for copy in copies:
        await copy.sync(whole_way=True)
        for kind, objects in copy.shown().items():
            assert objects == truth[kind], kind
        await copy.check_queries()
    await _check_counts(truth)
    await _check_faces(site, client, truth)
    assert len(doors.done) > 20


async def test_every_door_opens(site: Site) -> None:
    """Else nothing above would mean anything; a copy follows each single step."""
    chance = random.Random(7)
    client = client_of(site)
    doors = Doors(site, client, chance)
    await doors.open()
    copy = Copy(client, chance)
    await copy.begin()
    for name in doors.every:
        for _ in range(40):
            went = await doors.do(name)
            await copy.sync(whole_way=True)
            truth = await whole(client)
            for kind, objects in copy.shown().items():
                assert objects == truth[kind], (name, kind)
            if went:
                break
            await doors.step()
        else:
            pytest.fail(f"{name} never did anything")


async def _check_counts(truth: dict[str, Any]) -> None:
    """Count by hand what the server has counted as it went."""
    emails = truth["Email"].values()
    unread_threads = {each["threadId"] for each in emails if _is_unread(each, truth)}
    for box, shown in truth["Mailbox"].items():
        inside = [each for each in emails if box in each["mailboxIds"]]
        threads = {each["threadId"] for each in inside}
        counted = {
            "totalEmails": len(inside),
            "unreadEmails": len([each for each in inside if not {"$seen", "$draft"} & set(each["keywords"])]),
            "totalThreads": len(threads),
        }
        assert {name: shown[name] for name in counted} == counted, shown
        if shown["role"] != "trash":
            assert shown["unreadThreads"] == len(threads & unread_threads), shown


def _is_unread(one: dict[str, Any], truth: dict[str, Any]) -> bool:
    """Whether a message makes its thread unread: what lies in the trash alone does not (RFC 8621 2)."""
    roles = {truth["Mailbox"][box]["role"] for box in one["mailboxIds"]}
    return not {"$seen", "$draft"} & set(one["keywords"]) and roles != {"trash"}


async def _check_faces(site: Site, client: Client, truth: dict[str, Any]) -> None:
    """Both other faces tell the same of every message, and know no others."""
    shown: dict[str, dict[str, Any]] = {}
    places: dict[str, set[str]] = {}
    for box in truth["Mailbox"]:
        answer = await site.call("GET", f"/v1/messages/?mailbox_id={box}&limit=200", site.tokens["a1"])
        assert answer.json["total"] == len(answer.json["results"]) == truth["Mailbox"][box]["totalEmails"]
        for row in answer.json["results"]:
            shown[row["id"]] = row
            places.setdefault(row["id"], set()).add(box)
    assert places == {one: set(email["mailboxIds"]) for one, email in truth["Email"].items()}
    for one, email in truth["Email"].items():
        row, keywords = shown[one], set(email["keywords"])
        assert row["flags"] == {"read": "$seen" in keywords, "starred": "$flagged" in keywords}
        assert row["thread_id"] == email["threadId"]
        message = (await site.call("GET", f"{AGENT}/messages/{one}", site.tokens["a key"])).json
        labels = set(message["labels"])
        assert ("starred" in labels) == ("$flagged" in keywords), (message, email)
        assert ("draft" in labels) == ("$draft" in keywords), (message, email)
        assert ("unread" in labels) == (not keywords & {"$seen", "$draft"}), (message, email)
        own = {each for each in keywords if not each.startswith("$")}
        assert own <= {each.lower().replace(" ", "-") for each in labels}, (message, email)
        assert (message["thread_id"], message["subject"]) == (email["threadId"], email["subject"] or "")
    everything = "&".join(f"include_{name}=true" for name in ("spam", "trash", "blocked"))
    listed = (await site.call("GET", f"{AGENT}/messages?limit=200&{everything}", site.tokens["a key"])).json
    names = sorted(each["message_id"] for each in listed["messages"])
    drafts = [email for email in truth["Email"].values() if "$draft" in email["keywords"]]
    others = [email for email in truth["Email"].values() if "$draft" not in email["keywords"]]
    assert names == sorted(f"<{email['messageId'][0]}>" for email in others)
    kept = (await site.call("GET", f"{AGENT}/drafts?limit=200", site.tokens["a key"])).json["drafts"]
    shelved = {box for box, each in truth["Mailbox"].items() if each["role"] in ("trash", "junk")}
    open_ones = [email for email in drafts if set(email["mailboxIds"]) - shelved]
    assert sorted(each.get("subject") or "" for each in kept) == sorted(email["subject"] or "" for email in open_ones)
