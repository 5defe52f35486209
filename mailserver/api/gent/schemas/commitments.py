"""Shapes of the commitments page."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.commitment import CommitmentOwner, CommitmentStatus

Wording = Annotated[str, StringConstraints(max_length=5_000)]


class CreateCommitment(Shape):
    """A promise to keep in mind."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    contact_id: Short | None = None
    contact_address: Short | None = Field(None, description="The contact's first one where it is left out.")
    text: Wording
    owner: CommitmentOwner = Field(CommitmentOwner.US, description="Who promised.")
    due_at: Short | None = Field(None, description="ISO 8601, or words such as: next Monday.")
    thread_id: Short | None = None


class ChangeCommitment(Shape):
    """What is to be different."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    text: Wording | None = None
    status: CommitmentStatus | None = None


class ListCommitments(Shape):
    """Which commitments."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    contact_id: Short | None = None
    status: CommitmentStatus | None = None
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class CommitmentShown(Shape):
    """A promise."""

    commitment_id: str
    inbox_id: str
    contact_id: str | None
    contact_address: str
    text: str
    owner: str
    status: str
    due_at: str | None
    thread_id: str | None
    created_at: str
    updated_at: str


class CommitmentList(Shape):
    """Some commitments, newest first."""

    results: list[CommitmentShown]
    total: int
    position: int
    limit: int
