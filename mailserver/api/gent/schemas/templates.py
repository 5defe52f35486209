"""Shapes of the templates page."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mailserver.api.gent.schemas.messages import Shape, Short

Body = Annotated[str, StringConstraints(max_length=200_000)]
Value = Annotated[str, StringConstraints(max_length=100_000)]


class CreateTemplate(Shape):
    """A text with places such as {first_name}."""

    name: Short | None = None
    subject: Short | None = None
    body: Body | None = None
    variables: list[Short] | None = Field(None, max_length=100, description="Declared placeholders.")


class ChangeTemplate(CreateTemplate):
    """What is to be different."""


class RenderTemplate(Shape):
    """What the places are filled with."""

    context: dict[Short, Value | int | float | bool | None] = Field(default_factory=dict, max_length=1000)


class TemplateShown(Shape):
    """A template."""

    template_id: str
    name: str
    subject: str
    body: str
    variables: list[str]
    created_by: str | None
    created_at: str
    updated_at: str


class TemplateFilled(Shape):
    """A template with its places filled in."""

    subject: str
    body: str
