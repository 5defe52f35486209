"""How JMAP says no: of a request, of a method, of one object of a /set (RFC 8620 3.6, 5.3)."""

from collections.abc import Sequence
from typing import Any

from mailserver.entities import errors

PREFIX = "urn:ietf:params:jmap:error:"


class RequestRefused(Exception):
    """A request that is refused whole, as a problem document (RFC 7807)."""

    def __init__(self, kind: str, detail: str, status: int = 400, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = {"type": PREFIX + kind if ":" not in kind else kind, "status": status, "detail": detail, **more}


class MethodRefused(Exception):
    """A method call that is refused whole (RFC 8620 3.6.2)."""

    def __init__(self, kind: str, description: str | None = None, **more: Any) -> None:
        super().__init__(description or kind)
        self.answer = {"type": kind, **({"description": description} if description else {}), **more}


class SetRefused(Exception):
    """One object of a /set, /copy or /import that is refused (RFC 8620 5.3)."""

    def __init__(self, kind: str, description: str | None = None, properties: Sequence[str] = (), **more: Any) -> None:
        super().__init__(description or kind)
        self.answer: dict[str, Any] = {"type": kind}
        if description:
            self.answer["description"] = description
        if properties:
            self.answer["properties"] = list(properties)
        self.answer |= more


def invalid(description: str, *arguments: str) -> MethodRefused:
    """The arguments of a method cannot be used."""
    return MethodRefused("invalidArguments", description, **({"arguments": list(arguments)} if arguments else {}))


def invalid_property(name: str, description: str) -> SetRefused:
    """A property of an object cannot be set to that."""
    return SetRefused("invalidProperties", description, (name,))


def of_method(error: errors.ServiceError) -> MethodRefused:
    """A service's refusal as a method's."""
    return MethodRefused(_method_kind(error), error.message)


def of_object(error: errors.ServiceError) -> SetRefused:
    """A service's refusal as that of one object; the class of one that JMAP has a word of its own for is that word."""
    kind = _object_kind(error)
    return SetRefused(kind, error.message, tuple(error.fields) if kind == "invalidProperties" else ())


def _method_kind(error: errors.ServiceError) -> str:
    if isinstance(error, errors.Temporary):
        return "serverUnavailable"
    if isinstance(error, errors.TooLarge):
        return "requestTooLarge"
    if isinstance(error, errors.Forbidden):
        return "forbidden"
    if isinstance(error, errors.Invalid):
        return "invalidArguments"
    return "accountNotFound" if isinstance(error, errors.NotFound) else "serverFail"


_OBJECT_KINDS: tuple[tuple[type[errors.ServiceError], str], ...] = (
    (errors.Invalid, "invalidProperties"),
    (errors.NotFound, "notFound"),
    (errors.Forbidden, "forbidden"),
    (errors.SenderNotOwned, "forbiddenFrom"),
    (errors.TooLarge, "tooLarge"),
    (errors.TooMany, "rateLimit"),
    (errors.InboxFull, "overQuota"),
    (errors.StoreFull, "overQuota"),
    (errors.Temporary, "serverUnavailable"),
)
_OWN_KINDS = frozenset({"TooManyKeywords", "TooManyMailboxes"})


def _object_kind(error: errors.ServiceError) -> str:
    own = type(error).__name__
    if own in _OWN_KINDS:
        return own[0].lower() + own[1:]
    return next((kind for one, kind in _OBJECT_KINDS if isinstance(error, one)), "forbidden")
