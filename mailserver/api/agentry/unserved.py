"""Calls of the official clients that are not served, although a path of theirs falls under one that is."""

from aiohttp import web

PREFIX = "/agent/v0"
_CREATED = ("/webhooks/polling", "/inboxes/{inbox_id}/webhooks/polling", "/pods/{pod_id}/webhooks/polling")


def mount(app: web.Application) -> None:
    """Let them be not found, as the others are, and not a wrong method of a webhook that is called polling."""
    for path in _CREATED:
        app.router.add_post(PREFIX + path, _refuse)


async def _refuse(request: web.Request) -> web.StreamResponse:
    del request
    raise web.HTTPNotFound
