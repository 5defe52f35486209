"""Shapes of notes, assignments and contact shares."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.share import ShareType

Wording = Annotated[str, StringConstraints(max_length=20_000)]


class AddNote(Shape):
    """What the team is to know about a thread."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    body: Wording
    mentions: list[Short] = Field(
        default_factory=list, max_length=50, description="Email addresses of teammates to notify."
    )


class NoteShown(Shape):
    """A note on a thread."""

    note_id: str
    author_inbox_id: str
    body: str
    mentions: list[str]
    created_at: str


class AssignThread(Shape):
    """Who is to take a thread over."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    to: Short = Field(description="Team member email, same tenant.")
    note: Wording | None = Field(None, description="Added to the task's description.")


class Assigned(Shape):
    """That it was done."""

    assigned: bool
    to: str


class CreateShare(Shape):
    """A contact to offer, or to ask for."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    type: ShareType
    to_inbox_id: Short = Field(description="An inbox of the same tenant.")
    contact_id: Short | None = Field(None, description="Of an offer: a contact of the inbox.")
    contact_address: Short | None = Field(None, description="Of a request: the address of the contact.")
    note: Wording | None = Field(None, description="Of a request: what the contact's holder is to know.")
    labels: list[Short] = Field(
        default_factory=list, max_length=20, description="Of a request: names of labels to put on the contact."
    )


class ShareParameters(Shape):
    """What came with a request."""

    note: str | None = Field(None, exclude_if=lambda value: value is None)
    labels: list[str] | None = Field(None, exclude_if=lambda value: value is None)


class ShareShown(Shape):
    """A share."""

    share_id: str
    type: str
    status: str
    from_inbox_id: str
    to_inbox_id: str
    contact_address: str
    parameters: ShareParameters
    created_at: str
    resolved_at: str | None


class HandOff(Shape):
    """Who is to have a contact."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    to_inbox_id: Short = Field(description="An inbox of the same tenant.")
    note: Wording | None = None


class HandedOff(Shape):
    """The contact in the other address book."""

    contact_id: str
