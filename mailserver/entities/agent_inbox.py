"""An inbox with what the client that made it has said of it."""

from dataclasses import dataclass

from mailserver.entities.inbox import Inbox

Metadata = dict[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class AgentInbox:
    """An inbox as applications see it; `client_id` is their own name for it."""

    inbox: Inbox
    client_id: str | None
    metadata: Metadata
    updated_at: int
