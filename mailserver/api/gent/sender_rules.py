"""Endpoints of sender rules: allow and block lists of an inbox."""

from collections.abc import Sequence

from mailserver.api.gent.schemas.messages import OfInbox
from mailserver.api.gent.schemas.sender_rules import Mode, PutSenderRules, SenderRulesShown
from mailserver.entities import errors, identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.rule import Direction, EntryType, ListType, Rule
from mailserver.http.routing import get, put
from mailserver.services.registry import Services

MOST = 5000
_LISTS: dict[str, ListType | None] = {"allowlist": ListType.ALLOW, "blocklist": ListType.BLOCK, "off": None}


class SenderRulesPage:
    """Who may write to an inbox, and whom it may write to."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @get("/sender-rules/", scope=Scope.EMAIL_READ)
    async def get_sender_rules(self, caller: Caller, query: OfInbox) -> SenderRulesShown:
        """Get the rules of an inbox."""
        return await self._shown(caller, await self._services.inboxes.of(caller, query.inbox_id))

    @put("/sender-rules/", scope=Scope.ADMIN)
    async def put_sender_rules(self, caller: Caller, body: PutSenderRules) -> SenderRulesShown:
        """Put other rules in the place of those that an inbox has."""
        inbox = await self._services.inboxes.of(caller, body.inbox_id)
        lists = {
            Direction.RECEIVE: _list("inbound", body.inbound_mode, body.inbound_patterns),
            Direction.SEND: _list("outbound", body.outbound_mode, body.outbound_patterns),
        }
        number = identifiers.encode(Kind.INBOX, inbox.id)
        modes = {"inbound_mode": body.inbound_mode, "outbound_mode": body.outbound_mode}
        await self._services.rules.replace(
            caller, inbox, lists,
            lambda tx: self._services.audit.add(tx, caller, "sender_rules.changed", number, inbox.id, **modes),
        )  # fmt: skip
        return await self._shown(caller, inbox)

    async def _shown(self, caller: Caller, inbox: Inbox) -> SenderRulesShown:
        inbound = await self._read(caller, inbox, Direction.RECEIVE)
        outbound = await self._read(caller, inbox, Direction.SEND)
        return SenderRulesShown(
            inbox_id=identifiers.encode(Kind.INBOX, inbox.id),
            inbound_mode=inbound[0],
            outbound_mode=outbound[0],
            inbound_patterns=inbound[1],
            outbound_patterns=outbound[1],
        )

    async def _read(self, caller: Caller, inbox: Inbox, direction: Direction) -> tuple[Mode, list[str]]:
        """An inbox that has both kinds of list, from elsewhere, shows the one that lets less through."""
        modes: tuple[tuple[Mode, ListType], ...] = (("allowlist", ListType.ALLOW), ("blocklist", ListType.BLOCK))
        for mode, list_type in modes:
            found: list[Rule] = []
            after = ""
            while len(found) < MOST and (
                some := await self._services.rules.page(caller, inbox, direction, list_type, after, 1000)
            ):
                found += some
                after = some[-1].entry
            if found:
                return mode, [_pattern(one) for one in found]
        return "off", []


def _list(name: str, mode: str, patterns: Sequence[str]) -> tuple[ListType | None, Sequence[str]]:
    list_type = _LISTS[mode]
    if list_type is ListType.ALLOW and not patterns:
        sentence = "An allow list needs at least one entry."
        raise errors.Invalid(sentence, **{f"{name}_patterns": sentence})
    return list_type, patterns


def _pattern(one: Rule) -> str:
    if one.entry_type is EntryType.EMAIL:
        return one.entry
    return f"@*{one.entry}" if one.entry.startswith(".") else f"@{one.entry}"
