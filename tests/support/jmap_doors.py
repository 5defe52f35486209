"""Everything that changes mail, by every door: port 25 with rules and a script, both APIs, and JMAP, at random."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.entities.access import ALL_SCOPES, Caller, Credential
from mailserver.entities.inbox import Inbox
from tests.support.jmap import Client
from tests.support.jmap_copy import whole
from tests.support.served import Answer, Site

AGENT = "/agent/v0/inboxes/agent@local.test"
SCRIPT = b"""require ["fileinto", "mailbox", "imap4flags", "copy"];
if header :contains "subject" "sorted" { fileinto :create "Sorted"; }
elsif header :contains "subject" "known" { addflag ["\\\\Seen", "known"]; keep; }
elsif header :contains "subject" "both" { fileinto :copy "Archive"; }
elsif header :contains "subject" "nothing" { discard; }
"""
LABELS = ("work", "later", "family")
WORDS = ("apple", "bread", "cedar", "delta")
SUBJECTS = ("plain", "sorted", "known", "both", "nothing", "ruled", "plain", "plain")
DRAFT = {"to": ["bob@remote.test"], "subject": "Draft", "text": "apple"}


class Doors:
    """Does one thing after another. `done` counts what was done by its name, refusals aside."""

    def __init__(self, site: Site, client: Client, chance: random.Random) -> None:
        self._site = site
        self._client = client
        self._chance = chance
        self._number = 0
        self._drafts: list[str] = []
        self.done: dict[str, int] = {}
        self.every: dict[str, Callable[[], Awaitable[bool]]] = {
            name.removeprefix("_do_"): getattr(self, name) for name in sorted(dir(self)) if name.startswith("_do_")
        }

    async def open(self) -> None:
        """Put up the script and the rules of the inbox, and let some mail come."""
        inbox = self._inbox
        caller = Caller(inbox.tenant_id, Credential.AGENT_TOKEN, 1, ALL_SCOPES, inbox.id)
        await self._site.house.services.sieve.scripts.create(caller, inbox, "main", SCRIPT, activates=True)
        for label in LABELS:
            await self._gent("POST", "/v1/labels/", name=label, key=label, type="message", status=201)
        rule = {
            "name": "Ruled", "trigger": "email_received",
            "conditions": [{"field": "subject", "op": "contains", "value": "ruled"}],
            "writes": [{
                "source": {"from": "event.payload"},
                "target": {"type": "email.add_label", "label_id": await self._labelled("work")},
                "contract": {"required": []},
            }],
        }  # fmt: skip
        await self._gent("POST", "/v1/workflows/", **rule, status=201)
        for _ in range(6):
            await self._do_smtp_arrive()

    async def step(self) -> None:
        """Do something."""
        weights = [6 if name in ("smtp_arrive", "smtp_answer") else 1 for name in self.every]
        (name,) = self._chance.choices([*self.every], weights)
        await self.do(name)

    async def do(self, name: str) -> bool:
        """Do one thing by its name; whether there was something to do it to."""
        was_done = await self.every[name]()
        self.done[name] = self.done.get(name, 0) + was_done
        return was_done

    # -- port 25 ------------------------------------------------------------------------------------------------

    async def _do_smtp_arrive(self) -> bool:
        return await self._arrive(self._chance.choice(SUBJECTS), None)

    async def _do_smtp_answer(self) -> bool:
        return self._number > 0 and await self._arrive("plain", self._chance.randrange(self._number))

    async def _arrive(self, subject: str, parent: int | None) -> bool:
        number, self._number = self._number, self._number + 1
        line = f"References: <m{parent}@remote.test>\r\n" if parent is not None else ""
        raw = (
            f"From: Ann <ann@remote.test>\r\nTo: agent@local.test\r\nSubject: {'Re: ' if line else ''}{subject}\r\n"
            f"Message-ID: <m{number}@remote.test>\r\n{line}\r\n{self._chance.choice(WORDS)}\r\n"
        )
        await self._site.house.receive(raw.encode())
        await self._site.house.settled()
        return True

    # -- Gent API -----------------------------------------------------------------------------------------------

    async def _do_gent_read(self) -> bool:
        return await self._on_one("PATCH", "/v1/messages/{}/", mark_read=self._chance.random() < 0.6)

    async def _do_gent_star(self) -> bool:
        return await self._on_one("PATCH", "/v1/messages/{}/", mark_starred=self._chance.random() < 0.6)

    async def _do_gent_move(self) -> bool:
        return await self._on_one("PATCH", "/v1/messages/{}/", mailbox_id=await self._mailbox())

    async def _do_gent_delete(self) -> bool:
        return await self._on_one("DELETE", "/v1/messages/{}/")

    async def _do_gent_label(self) -> bool:
        return await self._on_one("POST", "/v1/messages/{}/labels/", label_key=await self._some_label("key"))

    async def _do_gent_unlabel(self) -> bool:
        return await self._on_one("DELETE", f"/v1/messages/{{}}/labels/{await self._some_label('label_id')}/")

    async def _do_gent_label_thread(self) -> bool:
        thread = await self._thread()
        path, key = f"/v1/messages/threads/{thread}/labels/", await self._some_label("key")
        return thread is not None and await self._gent("POST", path, label_key=key, confidence=0.5)

    async def _do_gent_unlabel_thread(self) -> bool:
        thread, label = await self._thread(), await self._some_label("label_id")
        return thread is not None and await self._gent("DELETE", f"/v1/messages/threads/{thread}/labels/{label}/")

    async def _do_gent_remove_label(self) -> bool:
        label = await self._some_label("label_id", made_here=False)
        answer = await self._site.call("DELETE", f"/v1/labels/{label}/", self._site.tokens["a session"])
        return _went(answer)

    async def _do_gent_make_label(self) -> bool:
        name = self._chance.choice([*LABELS, f"new-{self._chance.randrange(1000)}"])
        return await self._gent("POST", "/v1/labels/", name=name, key=name, type="message")

    async def _do_gent_send(self) -> bool:
        to = [{"email": self._chance.choice(["bob@remote.test", "agent@local.test"])}]
        return await self._gent("POST", "/v1/messages/", to=to, subject="Sent", text_body=self._chance.choice(WORDS))

    async def _do_gent_reply(self) -> bool:
        one = await self._email()
        return one is not None and await self._gent("POST", "/v1/messages/", reply_to_message_id=one, text_body="Yes.")

    async def _do_gent_make_folder(self) -> bool:
        return await self._gent("POST", "/v1/messages/folders/", name=f"Made {self._chance.randrange(5)}")

    async def _do_gent_rename_folder(self) -> bool:
        name = f"Named {self._chance.randrange(5)}"
        return await self._gent("PATCH", f"/v1/messages/folders/{await self._mailbox()}/", name=name)

    async def _do_gent_remove_folder(self) -> bool:
        return await self._gent("DELETE", f"/v1/messages/folders/{await self._mailbox()}/?force=true")

    async def _do_gent_signature(self) -> bool:
        number = self._chance.randrange(100)
        where = f"/v1/inboxes/{self._client.account_id}/settings/"
        answer = await self._site.call(
            "PATCH", where, self._site.tokens["a session"], json={"signature_text": f"-- {number}"}
        )
        return _went(answer)

    # -- Agentry API ---------------------------------------------------------------------------------------------

    async def _do_agentry_labels(self) -> bool:
        names = [*LABELS, "unread", "starred", "spam", "trash", "unknown to all"]
        one = self._chance.choice(names)
        word = self._chance.choice(["add_labels", "remove_labels"])
        return await self._on_one("PATCH", AGENT + "/messages/{}", key=True, **{word: [one]})

    async def _do_agentry_batch(self) -> bool:
        ids = [*(await self._emails())]
        some = self._chance.sample(ids, min(3, len(ids)))
        body = {"message_ids": some, "add_labels": ["family"], "remove_labels": ["unread"]}
        return bool(some) and await self._agentry("POST", "/messages/batch-update", **body)

    async def _do_agentry_label_thread(self) -> bool:
        thread = await self._thread()
        return thread is not None and await self._agentry("PATCH", f"/threads/{thread}", add_labels=["later"])

    async def _do_agentry_draft(self) -> bool:
        answer = await self._call("POST", AGENT + "/drafts", self._site.tokens["a key"], DRAFT)
        if _went(answer):
            self._drafts.append(answer.json["draft_id"])
        return _went(answer)

    async def _do_agentry_change_draft(self) -> bool:
        one = await self._some_draft()
        if not await self._agentry("PATCH", f"/drafts/{one}", text=self._chance.choice(WORDS)):
            return False
        self._drafts.append(one)
        return True

    async def _do_agentry_send_draft(self) -> bool:
        return await self._agentry("POST", f"/drafts/{await self._some_draft()}/send")

    async def _do_agentry_delete_draft(self) -> bool:
        return await self._agentry("DELETE", f"/drafts/{await self._some_draft()}")

    async def _do_agentry_trash_thread(self) -> bool:
        thread = await self._thread()
        return thread is not None and await self._agentry("DELETE", f"/threads/{thread}")

    async def _do_agentry_delete_thread(self) -> bool:
        thread = await self._thread()
        return thread is not None and await self._agentry("DELETE", f"/threads/{thread}?permanent=true")

    # -- JMAP ----------------------------------------------------------------------------------------------------

    async def _do_jmap_keywords(self) -> bool:
        names = self._chance.sample(["$seen", "$flagged", "$answered", "work", "quite-new", "$draft"], 2)
        patch = {f"keywords/{name}": self._chance.choice([True, None]) for name in names}
        return await self._set_email(patch)

    async def _do_jmap_mailboxes(self) -> bool:
        boxes = [await self._mailbox() for _ in range(self._chance.randint(1, 3))]
        return await self._set_email({"mailboxIds": dict.fromkeys(boxes, True)})

    async def _do_jmap_destroy(self) -> bool:
        one = await self._email()
        return one is not None and bool((await self._client.one("Email/set", destroy=[one]))["destroyed"])

    async def _do_jmap_create(self) -> bool:
        return await self._compose() is not None

    async def _do_jmap_make_mailbox(self) -> bool:
        parent = self._chance.choice([None, await self._mailbox()])
        new = {"name": f"Box {self._chance.randrange(5)}", "parentId": parent}
        return bool((await self._client.one("Mailbox/set", create={"m": new}))["created"])

    async def _do_jmap_change_mailbox(self) -> bool:
        patch = {"name": f"Box {self._chance.randrange(5)}", "sortOrder": self._chance.randrange(9)}
        return bool((await self._client.one("Mailbox/set", update={await self._mailbox(): patch}))["updated"])

    async def _do_jmap_remove_mailbox(self) -> bool:
        one = await self._mailbox()
        answer = await self._client.one("Mailbox/set", destroy=[one], onDestroyRemoveEmails=True)
        return bool(answer["destroyed"])

    async def _do_jmap_submit(self) -> bool:
        email = await self._compose()
        if email is None:
            return False
        boxes = await self._client.mailboxes()
        identity = (await self._client.one("Identity/get", ids=None))["list"][0]["id"]
        given: dict[str, Any] = {"emailId": email, "identityId": identity}
        if self._chance.random() < 0.5:
            given["envelope"] = {
                "mailFrom": {"email": "agent@local.test", "parameters": {"HOLDFOR": "3600"}},
                "rcptTo": [{"email": "bob@remote.test"}],
            }
        after = {"#s": {"mailboxIds": {boxes["sent"]: True}, "keywords/$draft": None}}
        answers = await self._client.run(
            ("EmailSubmission/set", {"create": {"s": given}, "onSuccessUpdateEmail": after})
        )
        return bool(answers[0][1]["created"])

    async def _do_jmap_cancel(self) -> bool:
        every = (await self._client.one("EmailSubmission/get", ids=None))["list"]
        held = [each for each in every if each["undoStatus"] == "pending"]
        if not held:
            await self._do_jmap_submit()
            return False
        one = held[0]["id"]
        answer = await self._client.one("EmailSubmission/set", update={one: {"undoStatus": "canceled"}})
        return bool(answer["updated"])

    async def _do_jmap_forget_submission(self) -> bool:
        every = (await self._client.one("EmailSubmission/get", ids=None))["list"]
        some = [each["id"] for each in every][:1]
        return bool((await self._client.one("EmailSubmission/set", destroy=some))["destroyed"])

    async def _do_jmap_identity(self) -> bool:
        every = (await self._client.one("Identity/get", ids=None))["list"]
        own = [each["id"] for each in every if each["mayDelete"]]
        new = {"email": f"agent+{self._chance.randrange(9)}@local.test", "name": "Tagged"}
        answer = await self._client.one(
            "Identity/set", create={"i": new}, destroy=own[:1], update={every[0]["id"]: {"name": new["email"]}}
        )
        return bool(answer["created"])

    async def _do_alias(self) -> bool:
        await self._site.house.services.inboxes.add_alias(
            self._inbox, f"alias{self._number}.{len(self.done)}.{self._chance.randrange(10**9)}@local.test"
        )
        return True

    # -- what there is to do it to ------------------------------------------------------------------------------------

    @property
    def _inbox(self) -> Inbox:
        return self._site.inboxes["a1"]

    async def _emails(self) -> dict[str, dict[str, Any]]:
        return (await whole(self._client))["Email"]

    async def _email(self) -> str | None:
        ids: list[str] = (await self._client.one("Email/query"))["ids"]
        return self._chance.choice(ids) if ids else None

    async def _thread(self) -> str | None:
        emails = await self._emails()
        return self._chance.choice([each["threadId"] for each in emails.values()]) if emails else None

    async def _mailbox(self) -> str:
        return self._chance.choice([*(await self._client.mailboxes()).values()])

    async def _some_label(self, name: str, *, made_here: bool = True) -> str:
        every = (await self._call("GET", "/v1/labels/", self._site.tokens["a1"])).json
        some = [each for each in every if each["key"] in LABELS or not made_here]
        return str(self._chance.choice(some)[name]) if some else "none"

    async def _labelled(self, key: str) -> str:
        every = (await self._call("GET", "/v1/labels/", self._site.tokens["a1"])).json
        return str(next(each["label_id"] for each in every if each["key"] == key))

    async def _some_draft(self) -> str:
        """A draft that is there, unless another door has taken it away."""
        if not self._drafts:
            await self._do_agentry_draft()
        return self._drafts.pop()

    async def _compose(self) -> str | None:
        boxes = await self._client.mailboxes()
        given = {
            "mailboxIds": {boxes["drafts"]: True}, "keywords": {"$draft": True},
            "from": [{"email": "agent@local.test"}], "to": [{"email": "bob@remote.test"}], "subject": "Written",
            "textBody": [{"partId": "t", "type": "text/plain"}],
            "bodyValues": {"t": {"value": self._chance.choice(WORDS)}},
        }  # fmt: skip
        made = (await self._client.one("Email/set", create={"d": given}))["created"]
        return str(made["d"]["id"]) if made else None

    async def _set_email(self, patch: dict[str, Any]) -> bool:
        one = await self._email()
        return one is not None and bool((await self._client.one("Email/set", update={one: patch}))["updated"])

    async def _on_one(self, method: str, path: str, *, key: bool = False, **body: Any) -> bool:
        one = await self._email()
        if one is None:
            return False
        token = self._site.tokens["a key" if key else "a1"]
        return _went(await self._call(method, path.format(one), token, body))

    async def _gent(self, method: str, path: str, *, status: int | None = None, **body: Any) -> bool:
        answer = await self._call(method, path, self._site.tokens["a1"], body)
        assert status is None or answer.status == status, answer.content
        return _went(answer)

    async def _agentry(self, method: str, path: str, **body: Any) -> bool:
        return _went(await self._call(method, AGENT + path, self._site.tokens["a key"], body))

    async def _call(self, method: str, path: str, token: str, body: dict[str, Any] | None = None) -> Answer:
        has_body = method in ("POST", "PATCH", "PUT")
        return await self._site.call(method, path, token, **({"json": body or {}} if has_body else {}))


def _went(answer: Answer) -> bool:
    assert answer.status < 500, answer.content
    return answer.status < 300
