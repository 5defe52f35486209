"""Shapes of the threads page."""

from pydantic import Field

from mailserver.api.agentry.schemas.messages import (
    AttachmentShown,
    Labels,
    ListShape,
    MessageShown,
    Names,
    Shape,
    Short,
)


class ListThreads(ListShape):
    """What threads to list."""

    senders: Labels | None = Field(None, description="Texts that a sender must contain.")
    recipients: Labels | None = Field(None, description="Texts that a recipient must contain.")
    subject: Labels | None = Field(None, description="Texts that a subject must contain.")


class GetThread(Shape):
    """What part of a thread."""

    limit: int = Field(100, ge=1, le=200, description="How many messages at the most.")
    page_token: Short | None = Field(None, description="The token of the page before.")


class DeleteThread(Shape):
    """How to delete a thread."""

    permanent: bool = Field(False, description="Delete for good instead of moving to trash.")


class ChangeThread(Shape):
    """Labels to put on all messages of a thread and to take off them."""

    add_labels: Names | None = None
    remove_labels: Names | None = None


class ThreadChanged(Shape):
    """The labels of a thread as they are now."""

    thread_id: str
    labels: list[str]


class ThreadItem(Shape):
    """A thread in a list."""

    inbox_id: str
    thread_id: str
    labels: list[str]
    timestamp: str
    received_timestamp: str | None = None
    sent_timestamp: str | None = None
    senders: list[str]
    recipients: list[str]
    subject: str | None = None
    preview: str | None = None
    attachments: list[AttachmentShown] | None = None
    last_message_id: str
    message_count: int
    size: int
    updated_at: str
    created_at: str


class ThreadList(Shape):
    """A page of threads."""

    count: int
    limit: int
    next_page_token: str | None = None
    threads: list[ThreadItem]


class ThreadShown(ThreadItem):
    """One thread with its messages, oldest first."""

    count: int = Field(description="How many messages stand here.")
    limit: int | None = None
    next_page_token: str | None = None
    messages: list[MessageShown]
