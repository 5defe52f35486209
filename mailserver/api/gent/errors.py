"""How the Gent face says no: `{"error": code, "message": sentence, "fields": {name: [sentence]}}`."""

from collections.abc import Sequence

from aiohttp import web

from mailserver.entities import errors

RETRY_SECONDS = "5"
_STATUS: tuple[tuple[type[errors.ServiceError], int, str], ...] = (
    (errors.Unauthenticated, 401, "unauthenticated"),
    (errors.Forbidden, 403, "forbidden"),
    (errors.SenderNotOwned, 403, "sender_not_owned"),
    (errors.MessageRefused, 403, "message_refused"),
    (errors.NotFound, 404, "not_found"),
    (errors.FeatureDisabled, 409, "feature_disabled"),
    (errors.Conflict, 409, "conflict"),
    (errors.TooLarge, 413, "too_large"),
    (errors.TooMany, 429, "rate_limited"),
    (errors.StoreFull, 507, "storage_full"),
    (errors.Temporary, 503, "temporarily_unavailable"),
    (errors.NotProvided, 404, "not_found"),
    (errors.ServiceError, 400, "invalid"),
)


class GentErrors:
    """The one table of this face."""

    def refused(self, error: errors.ServiceError) -> web.Response:
        """The answer to a service's refusal."""
        if isinstance(error, errors.Held):
            return web.json_response({"queued": True, "approval_id": error.approval_id}, status=202)
        status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
        fields = {name: [sentence] for name, sentence in error.fields.items()}
        response = _answer(status, code, error.message, fields)
        if status in (429, 503):
            response.headers["Retry-After"] = RETRY_SECONDS
        if status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def invalid(self, problems: Sequence[tuple[str, str]]) -> web.Response:
        """The answer to a request that does not fit its schema."""
        fields: dict[str, list[str]] = {}
        for name, sentence in problems:
            fields.setdefault(name, []).append(sentence)
        return _answer(400, "invalid", "The request has fields that cannot be used.", fields)

    def failed(self) -> web.Response:
        """The answer when the server is at fault."""
        return _answer(500, "internal_error", "The server met an internal error.", {})

    def unknown(self, status: int) -> web.Response:
        """The answer to a path or method that there is not, or a body that is too large."""
        sentences = {
            404: "There is no such endpoint.",
            405: "The endpoint has no such method.",
            413: "The body is too large.",
        }
        codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
        return _answer(status, codes.get(status, "invalid"), sentences.get(status, "The request cannot be used."), {})


def _answer(status: int, code: str, message: str, fields: dict[str, list[str]]) -> web.Response:
    body: dict[str, object] = {"error": code, "message": message}
    if fields:
        body["fields"] = fields
    return web.json_response(body, status=status)
