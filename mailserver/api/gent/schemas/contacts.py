"""Shapes of the contacts and labels pages."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.calendars import Long
from mailserver.api.gent.schemas.messages import Shape, Short
from mailserver.entities.label import LabelSource, LabelType

Book = Annotated[str, StringConstraints(max_length=1_000_000)]


class EmailShape(Shape):
    """An address of a contact."""

    label: Short | None = None
    address: Short


class PhoneShape(Shape):
    """A phone number of a contact."""

    label: Short | None = None
    number: Short


class AnniversaryShape(Shape):
    """A day of the year."""

    type: Short = Field(description="Such as birthday.")
    date: Short = Field(description="1985-03-14, or --03-19 without a year.")


class CreateContact(Shape):
    """A contact to make."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    full_name: Short
    emails: list[EmailShape] = Field(default_factory=list, max_length=20)
    phones: list[PhoneShape] = Field(default_factory=list, max_length=20)
    notes: Long | None = None
    anniversaries: list[AnniversaryShape] = Field(default_factory=list, max_length=20)


class ChangeContact(Shape):
    """What is to be different; a list takes the place of the one that is there."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    full_name: Short | None = None
    emails: list[EmailShape] | None = Field(None, max_length=20)
    phones: list[PhoneShape] | None = Field(None, max_length=20)
    notes: Long | None = None
    anniversaries: list[AnniversaryShape] | None = Field(None, max_length=20)


class ListContacts(Shape):
    """Which contacts."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    q: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        None, description="Words that begin a word of the name, an address, a number or the notes."
    )
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class EmailShown(Shape):
    """An address of a contact."""

    label: str | None
    address: str


class PhoneShown(Shape):
    """A phone number of a contact."""

    label: str | None
    number: str


class AnniversaryShown(Shape):
    """A day of the year."""

    type: str
    date: str


class ContactRow(Shape):
    """A contact in a list."""

    id: str
    inbox_id: str
    full_name: str
    emails: list[EmailShown]
    phones: list[PhoneShown]
    notes: str | None
    anniversaries: list[AnniversaryShown]
    created_at: str
    updated_at: str


class SequenceShown(Shape):
    """A row of mail that a contact gets."""

    enrollment_id: str
    sequence_id: str
    current_email: int
    total_emails: int
    next_email_at: str | None
    status: str


class ContactShown(ContactRow):
    """A contact; this server has no sequences, so none is active."""

    active_sequences: list[SequenceShown]


class ContactList(Shape):
    """Some contacts, newest first."""

    results: list[ContactRow]
    total: int
    position: int
    limit: int


class ExportContacts(Shape):
    """What form the address book is to have."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    format: Literal["vcard", "csv"] = Field("vcard", description="A table has five addresses of each contact at most.")


class ImportContacts(Shape):
    """An address book."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    format: Literal["vcard", "csv"]
    content: Book = Field(description="The file's text.")


class ImportedShown(Shape):
    """What became of it; an address that is known already is skipped."""

    imported: int
    skipped: int


class ListLabels(Shape):
    """Which labels."""

    type: LabelType | None = Field(None, description="Only those that may be on this.")


class CreateLabel(Shape):
    """A label to make."""

    name: Short
    type: LabelType = LabelType.ANY
    key: Short | None = Field(None, description="Made of the name where none is given.")
    color: Short | None = Field(None, description="#1a2b3c")
    group: Short | None = None


class ChangeLabel(Shape):
    """What is to be different; null takes colour and group away."""

    name: Short | None = None
    color: Short | None = None
    group: Short | None = None


class LabelShown(Shape):
    """A label."""

    label_id: str
    key: str
    name: str
    type: str
    color: str | None
    group: str | None
    system: bool
    created_at: str


class PutLabel(Shape):
    """The label to put on a message: by its id or by its key."""

    label_id: Short | None = None
    label_key: Short | None = None
    inbox_id: Short | None = Field(None, description="For session logins.")


class PutThreadLabel(PutLabel):
    """The label to put on a thread, and who wants it there."""

    source: LabelSource = LabelSource.MANUAL
    confidence: float | None = Field(None, ge=0, le=1)


class MessageLabels(Shape):
    """The labels that a message has."""

    results: list[LabelShown]


class ThreadLabelShown(Shape):
    """A label on a thread; `source` is null where only its messages have it."""

    label_id: str
    label_key: str
    label_name: str
    source: str | None
    confidence: float | None


class ThreadLabels(Shape):
    """The labels on a thread."""

    results: list[ThreadLabelShown]


class PutEntity(Shape):
    """What to put a label on."""

    entity_type: Literal["contact"]
    entity_id: Short


class ListEntities(Shape):
    """Which part of the list."""

    inbox_id: Short | None = Field(None, description="For session logins.")
    position: int = Field(0, ge=0, le=100_000_000, description="Zero-based offset.")
    limit: int = Field(50, ge=1, le=200, description="Page size.")


class EntityShown(Shape):
    """Something that a label is on."""

    label_id: str
    entity_type: str
    entity_id: str
    created_at: str


class EntityList(Shape):
    """Some of what a label is on, oldest first."""

    results: list[EntityShown]
    total: int
    position: int
    limit: int
