"""The port where a certificate authority asks for proofs (RFC 8555 8.3); whoever else comes is sent on to HTTPS."""

from collections.abc import Callable

from aiohttp import web

PREFIX = "/.well-known/acme-challenge/"
PATH = PREFIX + "{token}"
LARGEST_BYTES = 1024  # of a body, which nobody here has any use for


class Challenges:
    """Answers tokens, for whatever host they are asked for."""

    def __init__(self, answer: Callable[[str], str | None]) -> None:
        self._answer = answer

    async def serve(self, request: web.Request) -> web.Response:
        """The token's answer, or 404 where it is none of ours."""
        found = self._answer(request.match_info["token"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found.encode("ascii"), content_type="application/octet-stream")


def application(answer: Callable[[str], str | None], public_url: str) -> web.Application:
    """The whole of port 80: proofs, and the way to the same path at the public address."""

    async def elsewhere(request: web.Request) -> web.Response:
        # The path as it was written begins with a slash, so that it cannot lead to another host.
        target = request.raw_path if request.raw_path.startswith("/") else "/"
        return web.Response(status=308, headers={"Location": f"{public_url}{target}"})

    async def sign(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = "mailserver"

    app = web.Application(client_max_size=LARGEST_BYTES)
    app.on_response_prepare.append(sign)
    app.router.add_get(PATH, Challenges(answer).serve)
    app.router.add_route("*", "/{path:.*}", elsewhere)
    return app
