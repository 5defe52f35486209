"""Whether JSON is what one of the SDK's models says: a field that is missing, of another type, or not known."""

from typing import Any

import pydantic


def problems(model: Any, body: Any) -> list[str]:
    """Where an answer is not of a model."""
    try:
        read = model.model_validate(body)
    except pydantic.ValidationError as error:
        return [f"{each['loc']}: {each['msg']}" for each in error.errors()]
    return _unknown(read, model.__name__)


def _unknown(value: Any, path: str) -> list[str]:
    if isinstance(value, list):
        return [each for n, one in enumerate(value) for each in _unknown(one, f"{path}[{n}]")]
    if not isinstance(value, pydantic.BaseModel):
        return []
    found = [f"{path}.{name} is not known" for name in value.model_extra or ()]
    for name in type(value).model_fields:
        found += _unknown(getattr(value, name), f"{path}.{name}")
    return found
