"""P13 over JMAP: a mailbox of a hundred thousand messages, as a client that has it open asks for it."""

import argparse
import asyncio
import json
import time

from bench import sides
from bench.store import LISTED, fill, tell
from tests.support import server

MESSAGES = 100_000
GOAL_MS = 10
USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
LIST_PROPERTIES = [
    "id", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "from", "to", "subject", "preview",
    "hasAttachment",
]  # fmt: skip


class Client:
    """A client of one account, over one connection."""

    def __init__(self, session, account_id):
        self._session = session
        self._account_id = account_id

    async def ask(self, *calls):
        """The answers to some calls, and how many milliseconds they took."""
        asked = [[name, {"accountId": self._account_id, **more}, str(n)] for n, (name, more) in enumerate(calls)]
        body = json.dumps({"using": USING, "methodCalls": asked})
        began = time.perf_counter()
        async with self._session.post("/jmap/api", data=body, headers={"Content-Type": "application/json"}) as answer:
            content = await answer.read()
        took = (time.perf_counter() - began) * 1000
        answers = [each[1] for each in json.loads(content)["methodResponses"]]
        if answer.status != 200 or any("type" in each for each in answers):
            raise RuntimeError(content[:300])
        return answers, took

    async def timed(self, times, *calls):
        """Milliseconds of each of several requests."""
        return sorted([(await self.ask(*calls))[1] for _ in range(times)])


def questions(inbox, state, oldest):
    """What is measured: (what, goal, calls)."""
    here = {"filter": {"inMailbox": inbox}, "limit": 50}
    unread = {"filter": {"operator": "AND", "conditions": [here["filter"], {"notKeyword": "$seen"}]}, "limit": 50}
    page = {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}, "properties": LIST_PROPERTIES}
    collapsed = {**here, "collapseThreads": True}
    yield "Email/query, a page of the folder", GOAL_MS, [("Email/query", here)]
    yield "the same, collapsed", GOAL_MS, [("Email/query", collapsed)]
    yield "the same with its total", GOAL_MS, [("Email/query", {**collapsed, "calculateTotal": True})]
    yield "that page with Email/get of it", GOAL_MS, [("Email/query", collapsed), ("Email/get", page)]
    yield "unread of the folder, collapsed", GOAL_MS, [("Email/query", {**unread, "collapseThreads": True})]
    yield "all mail, collapsed", GOAL_MS, [("Email/query", {"collapseThreads": True, "limit": 50})]
    yield "Email/changes, the last 100", GOAL_MS, [("Email/changes", {"sinceState": str(state - 300)})]
    yield "Email/queryChanges of these", GOAL_MS, [("Email/queryChanges", {**_asked(collapsed), **_since(state - 300)})]
    yield "Mailbox/get", GOAL_MS, [("Mailbox/get", {"ids": None})]
    yield "from the middle of the folder", None, [("Email/query", {**here, "position": MESSAGES // 2})]
    yield "around the oldest message", None, [("Email/query", {**here, "anchor": oldest, "anchorOffset": -10})]
    yield "unread of the folder with their total", None, [("Email/query", {**unread, "calculateTotal": True})]
    yield (
        "a word of all, with its total, collapsed",
        None,
        [
            ("Email/query", {"filter": {"text": "everywhere"}, "collapseThreads": True, "calculateTotal": True}),
        ],
    )
    yield (
        "by subject, with a total",
        None,
        [
            ("Email/query", {**here, "sort": [{"property": "subject"}], "calculateTotal": True}),
        ],
    )


def _asked(query):
    return {name: value for name, value in query.items() if name != "limit"}


def _since(state):
    return {"sinceQueryState": str(state)}


async def run(times, count):
    directory = sides.fresh("jmap")
    async with server.running_server(directory) as running:
        await running.command("inbox", "add", LISTED, "--password-file", str(directory / "password"))
        await running.stop()
        print("P13 over JMAP: making the store")
        await fill(directory, LISTED, count, is_searched=True)
        await running.start(120)
        token = (await running.command("token", "create", "--inbox", LISTED, "--scopes", "email:read"))["token"]
        async with running.session(token) as session:
            async with session.get("/.well-known/jmap") as answer:
                client = Client(session, (await answer.json())["primaryAccounts"][USING[1]])
            (boxes,), _ = await client.ask(("Mailbox/get", {"ids": None}))
            inbox = next(each["id"] for each in boxes["list"] if each["role"] == "inbox")
            last = {"filter": {"inMailbox": inbox}, "position": -1}
            (found,), _ = await client.ask(("Email/query", last))
            (state,), _ = await client.ask(("Email/get", {"ids": []}))
            print(f"P13: a mailbox of {count} messages over JMAP:")
            for what, goal, calls in questions(inbox, int(state["state"]), found["ids"][0]):
                tell(what, await client.timed(times if goal else max(20, times // 10), *calls), goal)
            async with session.get("/metrics") as answer:
                lag = [line for line in (await answer.text()).splitlines() if "longest_lag_seconds " in line]
            print(f"  longest stall of the event loop: {lag[-1].rsplit(' ', 1)[-1] if lag else 'unknown'} s")


def main():
    parser = argparse.ArgumentParser(prog="bench.jmap")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    asyncio.run(run(100 if asked.quick else 300, MESSAGES))


if __name__ == "__main__":
    main()
