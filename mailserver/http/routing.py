"""Endpoints: declared once, for serving and for OpenAPI.

A page is an object whose methods carry `@get`, `@post` and so on. A method's parameters are read by name: `caller`,
`query` and `body` (pydantic models), `request` (aiohttp's), and the names in the path. What it returns is the body.
"""

import asyncio
import inspect
import json
import typing
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from mailserver.entities import errors
from mailserver.entities.access import Caller, Credential, Scope
from mailserver.entities.permission import Permission

LARGE_BODY_BYTES = 64 << 10  # above this a body is read in a thread
CHECKED_BODY_BYTES = 1 << 20  # up to this its names are compared: what is larger is an attachment
Handler = Callable[..., Awaitable[Any]]
Body = TypeVar("Body", bound=BaseModel)
Method = TypeVar("Method", bound=Handler)


@dataclass(frozen=True, slots=True)
class Answered(Generic[Body]):
    """A body with a status of its own, where an endpoint has more than one that says yes."""

    status: int
    body: Body


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a decorator says of its method."""

    method: str
    path: str
    scope: Scope | None
    status: int
    public: bool
    media_type: str
    answers: dict[int, str]
    credentials: frozenset[Credential] | None  # where not every kind that the face takes will do
    repeatable: bool
    holds: bool  # itself keeps what needs an approval; elsewhere such a call is refused
    permission: Permission | None = None  # what an API key that has only some of them needs


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A declaration with the method that it was written over."""

    method: str
    path: str
    scope: Scope | None
    status: int
    public: bool
    media_type: str
    answers: dict[int, str]
    summary: str
    description: str
    tag: str
    handler: Handler
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    reply: Any
    wants_caller: bool
    wants_request: bool
    path_names: tuple[str, ...] = field(default=())
    credentials: frozenset[Credential] | None = None
    repeatable: bool = False
    holds: bool = False
    permission: Permission | None = None


class Errors(Protocol):
    """How a face says no."""

    def refused(self, error: errors.ServiceError) -> web.Response:
        """The answer to a service's refusal."""
        ...

    def invalid(self, problems: Sequence[tuple[str, str]]) -> web.Response:
        """The answer to a request that does not fit its schema: (field, sentence)."""
        ...

    def failed(self) -> web.Response:
        """The answer when the server is at fault."""
        ...

    def unknown(self, status: int) -> web.Response:
        """The answer to a path (404) or method (405) that there is not."""
        ...


class Repetition(Protocol):
    """One request that may come again."""

    @property
    def answer(self) -> tuple[int, bytes] | None:
        """What was answered the first time."""
        ...

    async def keep(self, status: int, body: bytes) -> None:
        """Remember the answer."""
        ...

    async def release(self) -> None:
        """Forget that the request was begun: it changed nothing."""
        ...


class Repeats(Protocol):
    """Knows which requests were answered before."""

    async def begin(self, caller: Caller, key: str, *parts: bytes) -> Repetition:
        """Begin a request, which `parts` tell from others; Conflict where the key belongs to another one."""
        ...


class Authenticate(Protocol):
    """Turns a request's credentials into its caller."""

    async def __call__(self, request: web.Request, accepted: frozenset[Credential]) -> Caller:
        """The caller; Unauthenticated where there is none."""
        ...


def _declare(
    method: str,
    path: str,
    *,
    scope: Scope | None = None,
    status: int = 200,
    public: bool = False,
    media_type: str = "application/json",
    answers: dict[int, str] | None = None,
    credentials: frozenset[Credential] | None = None,
    repeatable: bool = False,
    holds: bool = False,
    permission: Permission | None = None,
) -> Callable[[Method], Method]:
    """Declare an endpoint; a `repeatable` one keeps its answer for requests with the same Idempotency-Key."""
    answers = dict(answers or {})
    if repeatable:
        answers.setdefault(409, "The Idempotency-Key was used for another request, or for one that is under way.")

    def mark(function: Method) -> Method:
        declaration = Declaration(
            method, path, scope, status, public, media_type, answers, credentials, repeatable, holds,
            permission,
        )  # fmt: skip
        function.__endpoint__ = declaration  # type: ignore[attr-defined]
        return function

    return mark


def get(path: str, **declared: Any) -> Callable[[Method], Method]:
    """Declare a GET endpoint."""
    return _declare("GET", path, **declared)


def post(path: str, **declared: Any) -> Callable[[Method], Method]:
    """Declare a POST endpoint."""
    return _declare("POST", path, **declared)


def put(path: str, **declared: Any) -> Callable[[Method], Method]:
    """Declare a PUT endpoint."""
    return _declare("PUT", path, **declared)


def patch(path: str, **declared: Any) -> Callable[[Method], Method]:
    """Declare a PATCH endpoint."""
    return _declare("PATCH", path, **declared)


def delete(path: str, **declared: Any) -> Callable[[Method], Method]:
    """Declare a DELETE endpoint."""
    return _declare("DELETE", path, **declared)


@dataclass(frozen=True, slots=True)
class Face:
    """An API: where it lies, what credentials it takes, how it says no, and its pages."""

    prefix: str
    title: str
    accepted: frozenset[Credential]
    errors: Errors
    pages: tuple[object, ...]
    drop_nulls: bool

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint of every page, in the order in which they are written."""
        found = []
        for page in self.pages:
            for name, function in vars(type(page)).items():
                declaration = getattr(function, "__endpoint__", None)
                if declaration is not None:
                    found.append(_endpoint(self.prefix, declaration, getattr(page, name)))
        return found


def _endpoint(prefix: str, declaration: Declaration, bound: Handler) -> Endpoint:
    hints = typing.get_type_hints(bound)
    parameters = inspect.signature(bound).parameters
    lines = (inspect.getdoc(bound) or "").split("\n\n", 1)
    reply = hints.get("return")
    page = type(bound.__self__)  # type: ignore[attr-defined]
    named = ("caller", "query", "body", "request")
    return Endpoint(
        method=declaration.method, path=prefix + declaration.path, scope=declaration.scope, status=declaration.status,
        public=declaration.public, media_type=declaration.media_type, answers=declaration.answers,
        summary=lines[0].strip().rstrip("."), description=lines[1].strip() if len(lines) > 1 else "",
        tag=page.__name__.removesuffix("Page"), handler=bound, query=hints.get("query"), body=hints.get("body"),
        reply=None if reply is type(None) else reply, wants_caller="caller" in parameters,
        wants_request="request" in parameters, path_names=tuple(name for name in parameters if name not in named),
        credentials=declaration.credentials, repeatable=declaration.repeatable,
        holds=declaration.holds, permission=declaration.permission,
    )  # fmt: skip


def mount(app: web.Application, face: Face, authenticate: Authenticate, repeats: Repeats) -> None:
    """Put a face on the application."""
    for endpoint in face.endpoints():
        app.router.add_route(endpoint.method, endpoint.path, _Served(endpoint, face, authenticate, repeats).serve)


class _Served:
    """One endpoint as aiohttp calls it."""

    def __init__(self, endpoint: Endpoint, face: Face, authenticate: Authenticate, repeats: Repeats) -> None:
        self._endpoint = endpoint
        self._face = face
        self._authenticate = authenticate
        self._repeats = repeats

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Authenticate, validate, call, answer."""
        endpoint = self._endpoint
        try:
            arguments: dict[str, Any] = {name: request.match_info[name] for name in endpoint.path_names}
            caller = None
            if not endpoint.public:
                caller = await self._caller(request)
                if endpoint.wants_caller:
                    arguments["caller"] = caller
            if endpoint.wants_request:
                arguments["request"] = request
            if endpoint.query is not None:
                arguments["query"] = endpoint.query.model_validate(_query(request))
            if endpoint.body is not None:
                arguments["body"] = await _body(request, endpoint.body)
            key = request.headers.get("Idempotency-Key")
            if caller is not None and key is not None and endpoint.repeatable:
                return await self._once(request, caller, key, arguments)
            return self._answer(await endpoint.handler(**arguments))
        except ValidationError as error:
            return self._face.errors.invalid(_problems(error))
        except errors.ServiceError as error:
            return self._face.errors.refused(error)

    async def _caller(self, request: web.Request) -> Caller:
        endpoint = self._endpoint
        caller = await self._authenticate(request, self._face.accepted)
        if endpoint.credentials is not None and caller.credential not in endpoint.credentials:
            raise errors.Forbidden(f"This needs other credentials: {_kinds(endpoint.credentials)}.")
        if endpoint.permission is not None:
            caller.permit(endpoint.permission)
        if endpoint.scope is not None:
            caller.require(endpoint.scope)
            if endpoint.scope in caller.requires_approval and not endpoint.holds:
                raise errors.Forbidden("This needs an approval, and cannot wait for one here.")
        return caller

    async def _once(
        self, request: web.Request, caller: Caller, key: str, arguments: dict[str, Any]
    ) -> web.StreamResponse:
        """Call, or give the answer that the same request got before."""
        target = f"{request.method} {request.rel_url}".encode()
        repetition = await self._repeats.begin(caller, key, target, await request.read())
        if repetition.answer is not None:
            status, body = repetition.answer
            return web.Response(body=body, status=status, content_type="application/json")
        try:
            response = self._answer(await self._endpoint.handler(**arguments))
        except BaseException:
            await repetition.release()
            raise
        content = response.body if isinstance(response, web.Response) else b""
        await repetition.keep(response.status, content if isinstance(content, bytes) else b"")
        return response

    def _answer(self, reply: Any) -> web.StreamResponse:
        if isinstance(reply, web.StreamResponse):
            return reply
        if reply is None:
            return web.Response(status=204)
        if isinstance(reply, Answered):
            body = self._json(reply.body)
            return web.Response(body=body, status=reply.status, content_type="application/json")
        if isinstance(reply, list):
            parts = [self._json(item) for item in reply]
            body = b"[" + b",".join(parts) + b"]"
        else:
            body = self._json(reply)
        return web.Response(body=body, status=self._endpoint.status, content_type="application/json")

    def _json(self, reply: BaseModel) -> bytes:
        return reply.__pydantic_serializer__.to_json(reply, by_alias=True, exclude_none=self._face.drop_nulls)


def _kinds(credentials: frozenset[Credential]) -> str:
    return " or ".join(sorted(kind.value.replace("_", " ") for kind in credentials))


def _query(request: web.Request) -> dict[str, Any]:
    """Query parameters; those that come more than once as lists."""
    found: dict[str, Any] = {}
    for name in request.query:
        values = request.query.getall(name)
        found[name] = values if len(values) > 1 else values[0]
    return found


async def _body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    raw = await request.read()
    if not raw.strip():
        raw = b"{}"
    elif request.content_type not in ("application/json", "application/octet-stream"):
        raise errors.Invalid("The body must be JSON, with Content-Type: application/json.")
    if len(raw) > LARGE_BODY_BYTES:
        return await asyncio.to_thread(_read, raw, model)
    return _read(raw, model)


def _read(raw: bytes, model: type[BaseModel]) -> BaseModel:
    try:
        if len(raw) <= CHECKED_BODY_BYTES:
            json.loads(raw, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise errors.Invalid(f"The body is not JSON: {error}.", body="The body is not JSON.") from error
    return model.model_validate_json(raw)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: readers do not agree on which of two would count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _problems(error: ValidationError) -> list[tuple[str, str]]:
    return [
        (".".join(str(part) for part in problem["loc"]) or "body", problem["msg"].removeprefix("Value error, "))
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
