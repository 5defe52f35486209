"""A request: read whole, its calls run in their order, each seeing what the earlier ones answered (RFC 8620 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from mailserver.entities import errors as refusals
from mailserver.entities.access import Caller
from mailserver.jmap import errors, references
from mailserver.jmap.arguments import Arguments, is_id
from mailserver.jmap.call import Budget, Call, Method
from mailserver.jmap.capabilities import Limits
from mailserver.services.registry import Services

MOST_ANSWER_BYTES = 64 << 20  # of one request; the calls behind are refused
log = structlog.get_logger()
Invocation = tuple[str, dict[str, Any], str]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for."""

    using: frozenset[str]
    calls: tuple[Invocation, ...]
    made: dict[str, str] | None  # creation ids that it wants to be kept over requests


@dataclass(frozen=True, slots=True)
class Known:
    """A method, and the capability that it belongs to."""

    capability: str
    method: Method


class Methods:
    """Every method that is served, and the way to run a request over them."""

    def __init__(self, services: Services, limits: Limits, known: Mapping[str, Known]) -> None:
        self._services = services
        self._known = dict(known)
        self.limits = limits

    async def answer(self, caller: Caller, request: Request) -> tuple[list[Invocation], dict[str, str]]:
        """Run the calls of a request; the answers, and the ids of what was made."""
        made, budget = dict(request.made or {}), Budget()
        answers: list[Invocation] = []
        size = 0
        for name, arguments, call_id in request.calls:
            call = Call(self._services, caller, self.limits, request.using, made, budget)
            found = [_too_much()] if size > MOST_ANSWER_BYTES else await self._one(call, name, arguments, answers)
            size += sum(_size(body) for _, body in found)
            answers += [(kind, body, call_id) for kind, body in found]
        return answers, made

    async def _one(
        self, call: Call, name: str, arguments: dict[str, Any], before: list[Invocation]
    ) -> list[tuple[str, dict[str, Any]]]:
        async def run(other: str, given: dict[str, Any]) -> dict[str, Any]:
            return await self._known[other].method(call, Arguments(given))

        call.run = run
        try:
            body = await self._method(name, call)(call, Arguments(references.resolve(arguments, before)))
        except errors.MethodRefused as refusal:
            return [("error", refusal.answer)]
        except refusals.ServiceError as refusal:
            return [("error", errors.of_method(refusal).answer)]
        except Exception:
            log.exception("jmap.method.failed", method=name)
            return [("error", {"type": "serverFail", "description": "The server is at fault; try again later."})]
        return [(name, body), *call.further]

    def _method(self, name: str, call: Call) -> Method:
        known = self._known.get(name)
        if known is None or known.capability not in call.using:
            raise errors.MethodRefused("unknownMethod")
        return known.method


def read(body: bytes, known: frozenset[str], limits: Limits) -> Request:
    """Read a request; RequestRefused for one that is none."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise errors.RequestRefused("notJSON", f"The request is not I-JSON: {error}."[:300]) from error
    return of_object(given, known, limits)


def of_object(given: object, known: frozenset[str], limits: Limits) -> Request:
    """The same of JSON that is read already."""
    if not isinstance(given, dict):
        raise _not_request("A request is an object.")
    using, calls, made = given.get("using"), given.get("methodCalls"), given.get("createdIds")
    if not isinstance(using, list) or not all(isinstance(each, str) for each in using):
        raise _not_request("using must be a list of strings.")
    if not isinstance(calls, list) or not all(map(_is_call, calls)):
        raise _not_request("methodCalls must be a list of [name, arguments, call id].")
    if made is not None and not (
        isinstance(made, dict) and all(is_id(key) and is_id(value) for key, value in made.items())
    ):
        raise _not_request("createdIds must be an object of ids.")
    unknown = [each for each in using if each not in known]
    if unknown:
        raise errors.RequestRefused("unknownCapability", f"The capability {unknown[0][:200]} is not provided.")
    if len(calls) > limits.calls_in_request:
        raise over("maxCallsInRequest", f"A request has at most {limits.calls_in_request} calls.")
    return Request(frozenset(using), tuple((call[0], call[1], call[2]) for call in calls), made)


def over(limit: str, detail: str) -> errors.RequestRefused:
    """More is asked for than one may."""
    return errors.RequestRefused("limit", detail, limit=limit)


def _is_call(call: object) -> bool:
    return (
        isinstance(call, list)
        and len(call) == 3
        and isinstance(call[0], str)
        and isinstance(call[1], dict)
        and isinstance(call[2], str)
    )


def _not_request(detail: str) -> errors.RequestRefused:
    return errors.RequestRefused("notRequest", detail)


def _too_much() -> tuple[str, dict[str, Any]]:
    return "error", {"type": "requestTooLarge", "description": "The answers before this one are very large already."}


def _size(body: dict[str, Any]) -> int:
    """A guess of how large an answer is, without writing it: only what holds mail counts."""
    listed = body.get("list")
    if not isinstance(listed, list):
        return 0
    size = 0
    for each in listed:
        if isinstance(each, dict) and isinstance(each.get("bodyValues"), dict):
            size += sum(len(value.get("value") or "") for value in each["bodyValues"].values())
        elif isinstance(each, dict):
            size += len(each.get("data:asText") or "") + len(each.get("data:asBase64") or "")
    return size
