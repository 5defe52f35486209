"""Events in this face's words, for webhooks and sockets: made when they are sent, from what is there then."""

import asyncio
from typing import Any, Protocol

import orjson

from mailserver.api.agentry import domains, present
from mailserver.entities import errors, identifiers
from mailserver.entities.access import ALL_SCOPES, Caller, Credential
from mailserver.entities.identifiers import Kind
from mailserver.entities.message import MessageSummary
from mailserver.entities.webhook import Endpoint, Origin
from mailserver.services.notify import agent_events
from mailserver.services.notify.posting import Tried
from mailserver.services.registry import Services

MOST_BYTES = 1 << 20  # above it a message is told without its text
MOST_TEXT_BYTES = 25 << 20  # above it nobody even looks
_LONG = ("text", "html", "extracted_text", "extracted_html")
_SUB_TYPES = {
    "5.1.1": "NoEmail", "5.1.2": "NoEmail", "5.1.10": "NoEmail", "5.2.2": "MailboxFull", "4.2.2": "MailboxFull",
    "5.3.4": "MessageTooLarge", "5.2.3": "MessageTooLarge", "5.6.0": "ContentRejected", "5.7.1": "ContentRejected",
}  # fmt: skip
GONE = "What it was about is gone; nothing was sent."


class Poster(Protocol):
    """Who makes one try."""

    async def post(self, endpoint: Endpoint, delivery_id: int, body: str) -> Tried:
        """Post a body, signed."""
        ...


class EventBodies:
    """Words events. `told` is an event as it waits in a line, under its name here."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def text(self, caller: Caller, told: dict[str, Any]) -> str | None:
        """The body for somebody; None where what it was about is gone, or not to be seen any more."""
        try:
            shown = await self._shown(caller, told)
        except errors.NotFound:
            return None
        head = {"type": "event", "event_type": told["type"], "event_id": told["event_id"]}
        return orjson.dumps(head | shown).decode()

    async def _shown(self, caller: Caller, told: dict[str, Any]) -> dict[str, Any]:
        data, kind = told["data"], told["type"].split(".")[1]
        if told["type"] == agent_events.DOMAIN_VERIFIED:
            standing = await self._services.domain_keeping.standing(caller, str(data.get("domain")))
            return {"domain": domains.shown(*standing).model_dump(by_alias=True, exclude_none=True)}
        inbox = await self._services.inboxes.of(caller, told["inbox_id"])
        summary = await self._summary(caller, data)
        if kind == "received":
            if summary is None:
                raise errors.NotFound
            return await self._received(caller, summary)
        about = {
            "inbox_id": inbox.address,
            "thread_id": _thread(summary) if summary else data.get("thread_id"),
            "message_id": present.id_of(summary) if summary else data.get("header_id"),
            "timestamp": told["occurred_at"],
        }
        if about["thread_id"] is None or about["message_id"] is None:
            raise errors.NotFound
        return _worded(kind, about, summary, data)

    async def _summary(self, caller: Caller, data: dict[str, Any]) -> MessageSummary | None:
        try:
            return await self._services.messages.get(caller, str(data.get("message_id")))
        except errors.NotFound:
            return None

    async def _received(self, caller: Caller, summary: MessageSummary) -> dict[str, Any]:
        """A message with its text, where that is not too long, and its thread."""
        threads = self._services.threads
        thread, _ = await threads.opened(caller, _thread(summary), None, None, 1)
        if summary.size > MOST_TEXT_BYTES:
            message = present.item(summary).model_dump(by_alias=True, exclude_none=True)
        else:
            parsed = await self._services.messages.parsed(summary)
            shown = await asyncio.to_thread(present.message, summary, parsed)
            message = shown.model_dump(by_alias=True, exclude_none=True)
            if len(orjson.dumps(message)) > MOST_BYTES:
                message = {name: value for name, value in message.items() if name not in _LONG}
        return {
            "message": message, "thread": present.thread(thread).model_dump(by_alias=True, exclude_none=True)
        }  # fmt: skip


class AgentryPosting:
    """Posts what waits in lines: that of applications in this face's words, everything else as it stands."""

    def __init__(self, posting: Poster, bodies: EventBodies) -> None:
        self._posting = posting
        self._bodies = bodies

    async def post(self, endpoint: Endpoint, delivery_id: int, body: str) -> Tried:
        """Post a body, signed. What cannot be told any more is done with."""
        if endpoint.origin is not Origin.AGENTRY:
            return await self._posting.post(endpoint, delivery_id, body)
        caller = Caller(endpoint.tenant_id, Credential.API_KEY, 0, ALL_SCOPES)
        text = await self._bodies.text(caller, orjson.loads(body))
        if text is None:
            return Tried(is_delivered=True, status=None, duration_ms=0, error=GONE)
        return await self._posting.post(endpoint, delivery_id, text)


def _worded(kind: str, about: dict[str, Any], summary: MessageSummary | None, data: dict[str, Any]) -> dict[str, Any]:
    """What became of a message that was sent."""
    recipient, status = data.get("recipient", ""), data.get("status", "")
    match kind:
        case "sent":
            people = (*summary.to, *summary.cc, *summary.bcc) if summary else ()
            shown = {"send": about | {"recipients": [person.address for person in people]}}
        case "delivered":
            shown = {"delivery": about | {"recipients": [recipient]}}
        case "bounced":
            is_final = status.startswith("5") and data.get("kind") != "expired"
            kinds = {
                "type": "Permanent" if is_final else "Transient", "sub_type": _SUB_TYPES.get(status, "General"),
            }  # fmt: skip
            shown = {"bounce": about | kinds | {"recipients": [{"address": recipient, "status": status}]}}
        case "opened":
            shown = {"open": about}
        case "complained":
            kinds = {"type": data.get("feedback_type") or "abuse", "sub_type": "General"}
            shown = {"complaint": about | kinds | {"recipients": [recipient]}}
        case _:
            shown = {"reject": about | {"reason": f"{recipient} is on the suppression list."}}
    return shown


def _thread(summary: MessageSummary) -> str:
    return identifiers.encode(Kind.THREAD, summary.thread_id)
