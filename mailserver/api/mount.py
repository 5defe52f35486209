"""Put every face on the application."""

from collections.abc import Callable
from typing import Any, cast

from aiohttp import web
from prometheus_client import CollectorRegistry

from mailserver import __version__
from mailserver.api import challenges, mtasts, subscriptions
from mailserver.api.agentry import pages as agentry_pages
from mailserver.api.agentry import unserved, websocket
from mailserver.api.agentry.cursors import Cursors
from mailserver.api.agentry.errors import AgentryErrors
from mailserver.api.agentry.websocket import Sockets
from mailserver.api.challenges import Challenges
from mailserver.api.clients.settings import ClientSettings
from mailserver.api.downloads import Downloads
from mailserver.api.gent import (
    approvals,
    audit,
    auth,
    broadcasts,
    domains,
    folders,
    forwarding,
    inboxes,
    messages,
    reports,
    sender_rules,
    suppressions,
    team,
    tokens,
    tracking,
    unsubscribing,
    uploads,
    users,
    verdicts,
    workspace,
)
from mailserver.api.gent.blobs import Blobs
from mailserver.api.gent.errors import GentErrors
from mailserver.api.gent.health import HealthPage
from mailserver.api.health import Health, Metrics
from mailserver.api.mtasts import MtaSts
from mailserver.api.reference import Reference
from mailserver.api.subscriptions import Subscriptions
from mailserver.entities.access import Credential
from mailserver.http import openapi, routing
from mailserver.http.authentication import BearerAuthentication
from mailserver.http.downloads import Links
from mailserver.http.middleware import Around
from mailserver.http.routing import Face
from mailserver.services.registry import Services

GENT = frozenset({Credential.AGENT_TOKEN, Credential.SESSION})
AGENTRY = frozenset({Credential.API_KEY})


def faces(services: Services, links: Links, cursors: Cursors) -> list[Face]:
    """Every face with their pages. Fixed words stand before the variable paths that they would fall under."""
    blobs = Blobs(services)
    gent = Face(
        "/v1", "Gent", GENT, GentErrors(),
        (
            *team.pages(services), *workspace.pages(services, links.base),
            folders.FoldersPage(services), uploads.UploadsPage(services, blobs),
            suppressions.SuppressionsPage(services), broadcasts.BroadcastsPage(services),
            tracking.TrackingPage(services), unsubscribing.UnsubscribingPage(services),
            messages.MessagesPage(services, blobs),
            verdicts.VerdictsPage(services), reports.ReportsPage(services), forwarding.ForwardingPage(services),
            approvals.ApprovalsPage(services), domains.DomainsPage(services), inboxes.InboxesPage(services),
            sender_rules.SenderRulesPage(services), tokens.TokensPage(services),
            audit.AuditPage(services), users.UsersPage(services), HealthPage(services),
        ),
        drop_nulls=False,
    )  # fmt: skip
    people = Face(
        "/auth", "Sessions", GENT, GentErrors(), (auth.SessionsPage(services),),
        drop_nulls=False,
    )  # fmt: skip
    agentry = Face(
        "/agent/v0", "Agentry", AGENTRY, AgentryErrors(), agentry_pages.pages(services, cursors, links),
        drop_nulls=True,
    )  # fmt: skip
    return [gent, people, agentry]


def application(
    services: Services,
    public_url: str,
    secret: bytes,
    request_bytes: int,
    registry: CollectorRegistry,
    troubles: Callable[[], list[str]],
    metrics: Metrics,
    metrics_token: str,
) -> web.Application:
    """The application with everything on it."""
    links = Links(secret, public_url)
    served = faces(services, links, Cursors(secret))
    around = Around(registry, [(face.prefix, face.errors) for face in served])
    app = web.Application(client_max_size=request_bytes, middlewares=[around.middleware()])
    app.on_response_prepare.append(around.prepare)
    health = Health(metrics, metrics_token, troubles)
    app.router.add_get("/healthz", health.live)
    app.router.add_get("/readyz", health.ready)
    app.router.add_get("/metrics", health.metrics)
    app.router.add_get("/download/{token}", Downloads(services, links).serve)
    app.router.add_get(challenges.PATH, Challenges(services.certification.tokens.answer).serve)
    ClientSettings(services.domains, links.host, services.certification.certificates.sign).mount(app)
    app.router.add_get(mtasts.PATH, MtaSts(services).policy)
    app.router.add_get(subscriptions.PATH, Subscriptions(services, links.host).serve)
    Reference(lambda: document(served, public_url)).mount(app)
    authenticate = BearerAuthentication(services.access)
    sockets = Sockets(services)
    app.router.add_get(websocket.PATH, sockets.serve)
    app.on_shutdown.append(sockets.close)
    unserved.mount(app)
    for face in served:
        routing.mount(app, face, authenticate, services.repeats)
    return app


def description(public_url: str) -> dict[str, Any]:
    """The OpenAPI document where nothing is served: the pages are made to be read, and nobody calls them."""
    nobody = cast("Services", None)
    return document(faces(nobody, Links(b"", public_url), Cursors(b"")), public_url)


def document(served: list[Face], public_url: str) -> dict[str, Any]:
    """The OpenAPI document of every endpoint."""
    return openapi.document(served, __version__, public_url)
