"""How the Agentry face says no: `{name, message}`, and `{name, errors}` for what does not fit its schema."""

from collections.abc import Sequence

from aiohttp import web

from mailserver.entities import errors

RETRY_SECONDS = "5"
_STATUS: tuple[tuple[type[errors.ServiceError], int, str, str], ...] = (
    (errors.Unauthenticated, 401, "UnauthorizedError", "unknown_api_key"),
    (errors.Forbidden, 403, "ForbiddenError", "missing_permission"),
    (errors.Suppressed, 403, "MessageRejectedError", "message_rejected"),
    (errors.SenderNotOwned, 403, "MessageRejectedError", "message_rejected"),
    (errors.MessageRefused, 403, "MessageRejectedError", "message_rejected"),
    (errors.NotFound, 404, "NotFoundError", "not_found"),
    (errors.Taken, 403, "IsTakenError", "resource_taken"),
    (errors.NotEmpty, 409, "ConflictError", "cannot_delete"),
    (errors.DomainNotVerified, 422, "UnprocessableError", "domain_not_verified"),
    (errors.Conflict, 409, "ConflictError", "conflict"),
    (errors.TooLarge, 413, "ContentTooLargeError", "limit_exceeded"),
    (errors.TooMany, 429, "RateLimitError", "rate_limit_exceeded"),
    (errors.StoreFull, 507, "InsufficientStorageError", "limit_exceeded"),
    (errors.Temporary, 503, "ServiceUnavailableError", "unavailable"),
    (errors.NotProvided, 404, "NotFoundError", "not_found"),
)
_SENTENCES = {
    404: "There is no such endpoint.", 405: "The endpoint does not take this method.",
    413: "The body is larger than what is taken.",
}  # fmt: skip


class AgentryErrors:
    """The one table of this face."""

    def refused(self, error: errors.ServiceError) -> web.Response:
        """The answer to a service's refusal."""
        for kind, status, name, code in _STATUS:
            if isinstance(error, kind):
                response = web.json_response({"name": name, "message": error.message, "code": code}, status=status)
                if status in (429, 503):
                    response.headers["Retry-After"] = RETRY_SECONDS
                if status == 401:
                    response.headers["WWW-Authenticate"] = "Bearer"
                return response
        fields = error.fields or {"body": error.message}
        return self.invalid([*fields.items()])

    def invalid(self, problems: Sequence[tuple[str, str]]) -> web.Response:
        """The answer to a request that does not fit its schema."""
        listed = [{"path": name.split("."), "message": sentence} for name, sentence in problems]
        return web.json_response({"name": "ValidationError", "errors": listed}, status=400)

    def failed(self) -> web.Response:
        """The answer when the server is at fault."""
        body = {"name": "InternalServerError", "message": "The server met an internal error."}
        return web.json_response(body, status=500)

    def unknown(self, status: int) -> web.Response:
        """The answer to a path or method that there is not, or a body that is too large."""
        name = {404: "NotFoundError", 405: "MethodNotAllowedError", 413: "ContentTooLargeError"}.get(
            status, "BadRequestError"
        )
        code = {404: "not_found", 405: "method_not_allowed", 413: "limit_exceeded"}.get(status, "validation_error")
        sentence = _SENTENCES.get(status, "The request cannot be read.")
        return web.json_response({"name": name, "message": sentence, "code": code}, status=status)
