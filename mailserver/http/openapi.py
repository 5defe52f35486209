"""Endpoints to an OpenAPI 3.1 document."""

import inspect
import re
import types
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from mailserver.http.routing import Answered, Endpoint, Face

_FIRST = ("Messages", "Threads", "Folders", "Uploads")
_TEMPLATE = "#/components/schemas/{model}"
_REPEATABLE = {
    "name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 255},
    "description": "A request that is repeated with the same key within a day changes nothing more.",
}  # fmt: skip
_PARAMETER = re.compile(r"\{([^}:]+)[^}]*\}")


def document(faces: Sequence[Face], version: str, server: str) -> dict[str, Any]:
    """One document for every endpoint of every face."""
    endpoints = [(face, endpoint) for face in faces for endpoint in face.endpoints()]
    models: set[tuple[type[BaseModel], JsonSchemaMode]] = set()
    for _, endpoint in endpoints:
        for model, mode in _models(endpoint):
            models.add((model, mode))
    ordered = sorted(models, key=lambda pair: (pair[0].__module__, pair[0].__name__, pair[1]))
    references, definitions = models_json_schema(ordered, ref_template=_TEMPLATE)
    paths: dict[str, Any] = {}
    for face, endpoint in endpoints:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(face, endpoint, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mailserver",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "tags": [tag for face in faces for tag in _tags(face)],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _tags(face: Face) -> list[dict[str, str]]:
    """The pages of a face as people look for them: mail first, then by name. Routes have an order of their own."""
    pages = {type(page).__name__.removesuffix("Page"): inspect.getdoc(type(page)) or "" for page in face.pages}
    names = sorted(pages, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return [{"name": f"{face.title}: {name}", "description": pages[name].split("\n\n")[0]} for name in names]


def _models(endpoint: Endpoint) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    asked = [model for model in (endpoint.query, endpoint.body) if model is not None]
    found: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in asked]
    reply = _reply_model(endpoint)
    if reply is not None:
        found.append((reply, "serialization"))
    return found


def _reply_model(endpoint: Endpoint) -> type[BaseModel] | None:
    reply = endpoint.reply
    if typing.get_origin(reply) in (list, Answered):
        (reply,) = typing.get_args(reply)
    if isinstance(reply, types.UnionType):  # of several the first goes with the endpoint's own status
        reply = typing.get_args(reply)[0]
    return reply if isinstance(reply, type) and issubclass(reply, BaseModel) else None


def _operation(face: Face, endpoint: Endpoint, references: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [f"{face.title}: {endpoint.tag}"],
        "summary": endpoint.summary,
        "operationId": f"{face.title.lower()}_{endpoint.handler.__name__}_{endpoint.tag.lower()}",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in endpoint.path_names
        ],
        "responses": _responses(endpoint, references),
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if endpoint.scope is not None:
        operation["x-scope"] = endpoint.scope.value
    if endpoint.permission is not None:
        operation["x-permission"] = endpoint.permission.value
    if endpoint.credentials is not None:
        operation["x-credentials"] = sorted(kind.value for kind in endpoint.credentials)
    if not endpoint.public:
        operation["security"] = [{"bearer": []}]
    if endpoint.query is not None:
        operation["parameters"] += _query_parameters(endpoint.query)
    if endpoint.repeatable:
        operation["parameters"].append(_REPEATABLE)
    if endpoint.body is not None:
        schema = references[endpoint.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_TEMPLATE)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": described.get("description", ""),
            "schema": {key: value for key, value in described.items() if key not in ("description", "title")},
        }
        for name, described in schema.get("properties", {}).items()
    ]


def _responses(endpoint: Endpoint, references: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": endpoint.answers.get(endpoint.status, "Done.")}
    reply = _reply_model(endpoint)
    if reply is not None:
        schema = references[reply, "serialization"]
        if typing.get_origin(endpoint.reply) is list:
            schema = {"type": "array", "items": schema}
        answer["content"] = {"application/json": {"schema": schema}}
    elif endpoint.media_type != "application/json":
        answer["content"] = {endpoint.media_type: {"schema": {"type": "string", "format": "binary"}}}
    responses = {str(endpoint.status): answer}
    for status, sentence in endpoint.answers.items():
        responses.setdefault(str(status), {"description": sentence})
    if not endpoint.public:
        responses.setdefault("401", {"description": "The credentials are missing or not valid."})
        responses.setdefault("403", {"description": "The credentials do not allow this."})
    return responses
