"""What a table of the configuration file is made of."""

from pydantic import BaseModel, ConfigDict

HOURS = 3600
DAYS = 24 * HOURS


class Section(BaseModel):
    """A table of the file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
