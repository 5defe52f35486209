"""What the API documents say, from tests/conformance/facts.toml, and whether an answer or a schema agrees."""

import re
import tomllib
from pathlib import Path
from typing import Any

FACTS = tomllib.loads((Path(__file__).parent.parent / "conformance" / "facts.toml").read_text())
ENDPOINTS: list[dict[str, Any]] = FACTS["endpoint"]
SHAPES: dict[str, dict[str, str]] = FACTS["shape"]
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z?")
_BASIC: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
    "time": str,
}


def disagreements(value: Any, kind: str, path: str = "$") -> list[str]:
    """Where a JSON value is not of a kind."""
    if kind.endswith("?"):
        return [] if value is None else disagreements(value, kind[:-1], path)
    if kind.startswith("["):
        if not isinstance(value, list):
            return [f"{path} is no list"]
        return [each for n, one in enumerate(value) for each in disagreements(one, kind[1:-1], f"{path}[{n}]")]
    if kind.startswith("{"):
        if not isinstance(value, dict):
            return [f"{path} is no object"]
        return [each for name, one in value.items() for each in disagreements(one, kind[1:-1], f"{path}.{name}")]
    if kind == "any":
        return []
    if kind in _BASIC:
        is_it = isinstance(value, _BASIC[kind]) and (kind == "boolean" or not isinstance(value, bool))
        if is_it and kind == "time":
            is_it = _TIME.fullmatch(value) is not None
        return [] if is_it else [f"{path} is no {kind}: {value!r}"]
    return _object(value, SHAPES[kind], path)


def _object(value: Any, shape: dict[str, str], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path} is no object"]
    known = {name.removesuffix("?"): kind for name, kind in shape.items()}
    found = [f"{path}.{name} is not documented" for name in value if name not in known]
    found += [f"{path}.{name} is missing" for name in shape if not name.endswith("?") and name not in value]
    for name, kind in known.items():
        if name in value:
            found += disagreements(value[name], kind, f"{path}.{name}")
    return found


def schema_disagreements(document: dict[str, Any], schema: dict[str, Any], kind: str, path: str = "$") -> list[str]:
    """Where a schema of the OpenAPI document is not of a kind."""
    if kind == "any":
        return []
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    choices = schema.get("anyOf", [])
    real = [choice for choice in choices if choice.get("type") != "null"]
    if choices:
        may_be_null = len(real) < len(choices)
        problem = [] if may_be_null or not kind.endswith("?") else [f"{path} may not be null"]
        return problem + schema_disagreements(document, real[0], kind.removesuffix("?"), path)
    if kind.endswith("?"):
        return [f"{path} may not be null"]
    if kind.startswith("["):
        if schema.get("type") != "array":
            return [f"{path} is no array"]
        return schema_disagreements(document, schema["items"], kind[1:-1], f"{path}[]")
    if kind.startswith("{"):
        return [] if schema.get("type") == "object" else [f"{path} is no object"]
    if kind in _BASIC:
        wanted = "string" if kind == "time" else kind
        return [] if schema.get("type") == wanted else [f"{path} is {schema.get('type')}, not {wanted}"]
    shape = SHAPES[kind]
    properties, required = schema.get("properties", {}), set(schema.get("required", ()))
    known = {name.removesuffix("?"): each for name, each in shape.items()}
    found = [f"{path}.{name} is not documented" for name in properties if name not in known]
    found += [f"{path}.{name} is missing" for name in known if name not in properties]
    found += [f"{path}.{name} is not required" for name in shape if not name.endswith("?") and name not in required]
    for name, each in known.items():
        if name in properties:
            found += schema_disagreements(document, properties[name], each, f"{path}.{name}")
    return found
