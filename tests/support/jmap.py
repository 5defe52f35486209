"""A JMAP client of a few lines: every call of a request with its answer.

client = Client(site, "a1")
mailboxes = (await client.one("Mailbox/get", ids=None))["list"]
"""

from typing import Any

from mailserver.entities import identifiers
from mailserver.entities.identifiers import Kind
from tests.support.served import Answer, Site

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
USING = [CORE, MAIL]


class Client:
    """A client of one account, with the token of a name."""

    def __init__(self, site: Site, name: str, using: list[str] | None = None) -> None:
        self.site = site
        self.token = site.tokens[name]
        self.account_id = identifiers.encode(Kind.INBOX, site.inboxes[name].id) if name in site.inboxes else ""
        self.using = using or USING

    async def post(self, body: Any, **more: Any) -> Answer:
        """Post a request as it is."""
        return await self.site.call("POST", "/jmap/api", self.token, json=body, **more)

    async def run(self, *calls: tuple[str, dict[str, Any]], **more: Any) -> list[tuple[str, dict[str, Any], str]]:
        """Run calls, each with the account's id where it has none; their call ids are 0, 1, …"""
        asked = [
            [name, {"accountId": self.account_id, **arguments} if name != "Core/echo" else arguments, str(number)]
            for number, (name, arguments) in enumerate(calls)
        ]
        answer = await self.post({"using": self.using, "methodCalls": asked, **more})
        assert answer.status == 200, answer.content
        return [(name, body, call_id) for name, body, call_id in answer.json["methodResponses"]]

    async def one(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Run one call that goes well."""
        answers = await self.run((name, arguments))
        assert answers[0][0] == name, answers
        return answers[0][1]

    async def fails(self, name: str, **arguments: Any) -> str:
        """Run one call that does not; the type of its error."""
        answers = await self.run((name, arguments))
        assert answers[0][0] == "error", answers
        return str(answers[0][1]["type"])

    async def mailboxes(self) -> dict[str, str]:
        """The ids of the mailboxes by their roles and names."""
        found = (await self.one("Mailbox/get", ids=None))["list"]
        return {each["role"] or each["name"]: each["id"] for each in found}
