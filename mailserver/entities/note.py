"""What a team says among itself about a thread."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a thread. `author_user_id` is None where an agent wrote it; `mentions` are addresses of inboxes."""

    id: int
    tenant_id: int
    inbox_id: int  # of the thread
    thread_id: int
    author_inbox_id: int
    author_user_id: int | None
    body: str
    mentions: tuple[str, ...]
    created_at: int
