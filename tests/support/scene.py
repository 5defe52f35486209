"""Two tenants with one of everything, and a valid request for every endpoint that is served.

`OBJECTS` says which object stands behind an id's name, and `PLAIN` which names are no ids: a generator over the served
document fails on a name that neither knows.
"""

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from mailserver.entities import identifiers
from mailserver.entities.access import ALL_SCOPES, Caller, Credential, Scope
from mailserver.entities.delivery import Failed, FailureKind
from mailserver.entities.identifiers import Kind
from mailserver.entities.rule import Direction, ListType
from mailserver.entities.tenant import Domain, DomainStatus, User, UserRole
from mailserver.mail import totp
from mailserver.mail.reply import Reply
from mailserver.services.accounts import secrets
from mailserver.storage import members, sessions, tenants
from mailserver.storage.database import Transaction
from mailserver.storage.sessions import LoginCode, StoredSession
from tests.support import agentry, broadcasts, enriched, facts, hooks, team, workspace
from tests.support.inside import PASSWORD
from tests.support.reports import dmarc_letter
from tests.support.served import Answer, Site, served

MESSAGE = (
    b"From: Alice <alice@remote.test>\r\nTo: %s\r\nCc: carol@remote.test\r\nSubject: Hello\r\n"
    b"Message-ID: <%s@remote.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nHello.\r\n"
    b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\r\n%%PDF\r\n--b--\r\n"
)
UNKNOWN = {
    **agentry.UNKNOWN,
    **workspace.UNKNOWN,
    **hooks.UNKNOWN,
    **team.UNKNOWN,
    **broadcasts.UNKNOWN,
    "inbox_id": identifiers.encode(Kind.INBOX, 7),
    "message_id": identifiers.encode(Kind.MESSAGE, 7),
    "header_id": "<nobody@remote.test>",
    "thread_id": identifiers.encode(Kind.THREAD, 7),
    "mailbox_id": identifiers.encode(Kind.FOLDER, 7),
    "upload_id": "G" + "A" * 22,
    "part_id": f"G{identifiers.encode(Kind.MESSAGE, 7)[4:]}.2",
    "inbox_address": "nobody@local.test",
    "report_id": identifiers.encode(Kind.REPORT, 7),
    "token_id": identifiers.encode(Kind.TOKEN, 7),
    "user_id": identifiers.encode(Kind.USER, 7),
    "domain_name": "nobody-has-it.test",
    "approval_id": identifiers.encode(Kind.APPROVAL, 7),
}
# an id's name in a path, query or body: the kinds of object that it may name
OBJECTS: dict[str, tuple[str, ...]] = {
    "inbox_id": ("inbox_id", "inbox_address"),
    "message_id": ("message_id", "header_id"),
    "thread_id": ("thread_id",),
    "blob_id": ("upload_id", "part_id"),
    "mailbox_id": ("mailbox_id",),
    "parentId": ("mailbox_id",),
    "reply_to_message_id": ("message_id", "header_id"),
    "attachments.blob_id": ("upload_id", "part_id"),
    "report_id": ("report_id",),
    "token_id": ("token_id",),
    "user_id": ("user_id",),
    "domain_name": ("domain_name",),
    "approval_id": ("approval_id",),
    **agentry.OBJECTS,
    **workspace.OBJECTS,
    **hooks.OBJECTS,
    **team.OBJECTS,
    **broadcasts.OBJECTS,
    "page_token": (),  # has a test of its own
}
_CREDENTIALS = {(each["method"], each["path"]): each.get("credentials", "") for each in facts.ENDPOINTS}
# requests that take something away on which the others stand: the id's name, and what is asked for instead
SPARE = {
    **workspace.SPARE,
    **hooks.SPARE,
    **team.SPARE,
    **broadcasts.SPARE,
    ("PATCH", "/v1/messages/folders/{mailbox_id}/"): ("mailbox_id", "custom_mailbox_id"),
    ("DELETE", "/v1/messages/folders/{mailbox_id}/"): ("mailbox_id", "custom_mailbox_id"),
    ("POST", "/v1/approvals/{approval_id}/approve/"): ("approval_id", "approval_id"),
    ("POST", "/v1/approvals/{approval_id}/reject/"): ("approval_id", "rejected_id"),
    ("DELETE", "/v1/domains/{domain_name}/"): ("domain_name", "spare_domain"),
    ("DELETE", "/v1/inboxes/{inbox_id}/"): ("inbox_id", "spare_inbox_id"),
}
WITHOUT_BODY = {
    *enriched.WITHOUT_BODY,
    *hooks.WITHOUT_BODY,
    *team.WITHOUT_BODY,
    *broadcasts.WITHOUT_BODY,
    ("POST", "/v1/domains/{domain_name}/verify/"),
    ("POST", "/auth/logout/"),
    ("POST", "/auth/mfa/setup/"),
}
TEAM = workspace.TEAM | team.TEAM
RECOVERY = "0123456789abcdef0123"
AUTHENTICATOR = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
WORDS = {"direction": "receive", "list_type": "block", "entry": "spammer@bad.test"}  # of paths, that name no object
PLAIN = {
    *agentry.PLAIN,
    *workspace.PLAIN, *enriched.PLAIN, *hooks.PLAIN,
    *team.PLAIN,
    "q", "folder", "after", "before", "unread", "starred", "position", "limit", "subject", "to", "cc", "bcc",
    "reply_to", "to.email", "to.name", "cc.email", "cc.name", "bcc.email", "bcc.name", "reply_to.email",
    "reply_to.name", "text_body", "html_body", "attachments", "mark_read", "mark_starred", "address", "ascending",
    "include_blocked", "include_spam", "include_trash", "labels", "headers", "html", "reply_all", "text",
    "attachments.filename", "attachments.content_type", "attachments.content_disposition", "attachments.content_id",
    "attachments.content", "attachments.url", "kind", "domain", "entry", "reason", "default_address", "enabled",
    "keep_copy", "display_name", "status", "force", "purge", "default_timezone", "signature_text", "signature_html",
    "retention_days", "smtp_password", "inbound_mode", "outbound_mode", "inbound_patterns", "outbound_patterns",
    "label", "scopes", "requires_approval", "expires_at", "grace_seconds", "actor", "type", "cursor",
    "email", "password", "session", "code", "refresh_token", "new_password", "old_password", "role", "reset_mfa",
    "domain_use", "dmarc_policy", "name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent; `path` has its ids filled in."""

    method: str
    path: str
    token: str | None
    json: dict[str, Any] | None = None
    params: dict[str, str] = field(default_factory=dict)
    upload: bool = False
    form: dict[str, str] | None = None


@dataclass(slots=True)
class Scene:
    """What stands on the stage; `things` are a1's objects by kind."""

    site: Site
    things: dict[str, str]

    async def send(self, request: Request, **changes: Any) -> Answer:
        """Send a request, with other words where they are given."""
        headers, data = changes.pop("headers", {}), changes.pop("data", None)
        request = replace(request, **changes)
        more: dict[str, Any] = {"headers": headers}
        if data is not None:
            more["data"] = data
        elif request.upload:
            form = aiohttp.FormData()
            form.add_field("file", b"content", filename="a.txt", content_type="text/plain")
            more["data"] = form
        elif request.form is not None:
            more["data"] = request.form
        elif request.json is not None:
            more["json"] = request.json
        path = request.path
        if request.params:
            path += "?" + str(aiohttp.client.URL.build(query=request.params).raw_query_string)
        return await self.site.call(request.method, path, request.token, **more)

    def owner_requests(self, method: str, path: str) -> list[Request]:
        """Valid requests of an endpoint by a1: one for each kind of object that its path may name."""
        if (method, path) in SPARE:  # what takes the stage itself away is asked for something that nobody needs
            name, kind = SPARE[method, path]
            return [self._request(method, path.replace(f"{{{name}}}", self.things[kind]), path)]
        if (method, path) in agentry.SPARES:
            return [self._request(method, agentry.filled(path, agentry.SPARES[method, path], self.things), path)]
        requests = [self._request(method, agentry.own(path, self.things), path)]
        requests = [replace(request, path=worded(request.path)) for request in requests]
        for name, kinds in OBJECTS.items():
            if f"{{{name}}}" in path:
                requests = [
                    replace(request, path=request.path.replace(f"{{{name}}}", quoted(self.things[kind])))
                    for request in requests
                    for kind in kinds
                ]
        assert all("{" not in request.path for request in requests), f"no object for {path}"
        # The same entry cannot be deleted twice.
        return requests[:1] if method == "DELETE" and path.endswith("{entry}") else requests

    def _request(self, method: str, path: str, template: str = "") -> Request:
        token = self.site.tokens["a key" if path.startswith("/agent/") else "a1"]
        token = {"session": self.site.tokens.get(path, self.site.tokens["a session"]), "none": None}.get(
            _CREDENTIALS.get((method, template or path), ""), token
        )
        bodies: dict[tuple[str, str], dict[str, Any]] = {
            ("POST", "/v1/messages/"): {"to": [{"email": "bob@remote.test"}], "subject": "Hi", "text_body": "Hello."},
            ("PATCH", "/v1/messages/{message_id}/"): {"mark_read": True},
            ("POST", "/v1/messages/folders/"): {"name": "Projects", "parentId": self.things["mailbox_id"]},
            ("PATCH", "/v1/messages/folders/{mailbox_id}/"): {"name": "Renamed", "parentId": None},
            ("PUT", "/v1/forwarding/"): {"default_address": "me@remote.test", "enabled": True, "keep_copy": True},
            ("DELETE", "/v1/messages/suppressed/"): {"address": "bounced@remote.test"},
            ("POST", "/auth/login/"): {"email": "agent@local.test", "password": PASSWORD},
            ("POST", "/auth/mfa/"): {"email": "mfa@local.test", "session": "challenge", "code": RECOVERY},
            ("POST", "/auth/refresh/"): {"refresh_token": "refreshing"},
            ("POST", "/auth/forgot-password/"): {"email": "agent@local.test"},
            ("POST", "/auth/forgot-password/confirm/"): {
                "email": "reset@local.test",
                "code": "123456",
                "new_password": PASSWORD,
            },
            ("POST", "/auth/change-password/"): {"old_password": PASSWORD, "new_password": PASSWORD},
            ("POST", "/auth/mfa/confirm/"): {"code": totp.code(AUTHENTICATOR, int(time.time()) // totp.STEP_SECONDS)},
            ("POST", "/auth/mfa/disable/"): {"password": PASSWORD, "code": RECOVERY},
            ("POST", "/v1/users/"): {"email": "new@person.test", "password": PASSWORD, "role": "member"},
            ("PATCH", "/v1/users/{user_id}/"): {"role": "owner"},
            ("POST", "/v1/domains/"): {"domain": "claimed.test", "domain_use": "dedicated_subdomain"},
            ("POST", "/v1/approvals/{approval_id}/approve/"): {},
            ("POST", "/v1/approvals/{approval_id}/reject/"): {},
            ("POST", "/v1/inboxes/"): {"address": "new@local.test", "display_name": "New"},
            ("PATCH", "/v1/inboxes/{inbox_id}/"): {"display_name": "Named", "status": "active"},
            ("PATCH", "/v1/inboxes/{inbox_id}/settings/"): {"default_timezone": None, "signature_text": "Yours"},
            ("PUT", "/v1/sender-rules/"): {
                "inbound_mode": "blocklist",
                "inbound_patterns": ["@bad.test", WORDS["entry"]],
            },
            ("POST", "/v1/tokens/"): {
                "inbox_id": self.things["inbox_id"],
                "label": "bot",
                "scopes": ["email:read", "email:send"],
                "requires_approval": ["email:send"],
                "expires_at": "2099-01-01",
            },
            ("PATCH", "/v1/tokens/{token_id}/"): {"label": "another", "scopes": ["email:read"]},
            ("POST", "/v1/tokens/{token_id}/rotate/"): {"grace_seconds": 60},
            **enriched.BODIES,
            **hooks.BODIES,
            **{each: workspace.body(*each, self.things) or {} for each in workspace.BODIES},
            **{each: team.body(*each, self.things) for each in team.BODIES},
            **{each: broadcasts.body(*each, self.things) for each in broadcasts.BODIES},
            **{each: agentry.body(*each, self.things) for each in agentry.BODIES},
        }
        if method == "POST" and path.endswith("/lists/{direction}/{list_type}"):
            bodies[method, path] = {"entry": "another@bad.test", "reason": "Said so."}
        upload = (method, path) == ("POST", "/v1/messages/upload/")
        form = broadcasts.FORM if (method, template or path) == broadcasts.LEAVE else None
        body = bodies.get((method, template or path))
        if body is None and (method, template or path) in WITHOUT_BODY:
            body = {}
        assert method == "GET" or method == "DELETE" or body is not None or upload or form, (
            f"no request for {method} {path}"
        )
        params = (workspace.QUERIES | agentry.QUERIES).get((method, template or path), {})
        return Request(method, path, token, body, dict(params), upload=upload, form=form)

    async def scoped(self, face: str, scope: str, credentials: str = "") -> tuple[str, str]:
        """A token with every scope but one, and one with only that."""
        one = frozenset({Scope(scope)})
        kind, inbox = ("agent", self.site.inboxes["a1"]) if face == "gent" else ("api_key", None)
        if credentials == "session":
            kind, inbox = "session", None
        return await self.site.token(kind, inbox, ALL_SCOPES - one), await self.site.token(kind, inbox, one)


async def _people(site: Site) -> None:
    """People in every state that a request needs; `site.tokens` has a login for each path that asks for its own."""
    house = site.house
    assert house.account is not None
    tenant_id, now = house.account.tenant.id, int(time.time() * 1000)
    names = ("spare", "mfa", "reset", "refresh", "logout", "confirm", "disable")
    ids = {name: house.store.ids.next() for name in names}
    hidden = hashlib.sha256(b"salt 123456").hexdigest()

    def insert(tx: Transaction) -> None:
        password = tx.one("SELECT password FROM member WHERE tenant_id = ?", (tenant_id,))[0]
        for name, number in ids.items():
            tenants.add_member(tx, User(number, tenant_id, f"{name}@local.test", UserRole.MEMBER), password, now)
        for name in ("mfa", "disable"):
            members.set_factor(tx, ids[name], AUTHENTICATOR, None, 0)
            members.set_recovery_codes(tx, ids[name], [secrets.digest(RECOVERY)])
        members.set_factor(tx, ids["confirm"], None, AUTHENTICATOR, 0)
        later, challenge = now + 600_000, secrets.digest("challenge")
        sessions.add_code(tx, LoginCode(challenge, ids["mfa"], "mfa", "", 0, now, later))
        sessions.add_code(tx, LoginCode("salt", ids["reset"], "reset", hidden, 0, now, later))
        refresh = secrets.digest("refreshing")
        sessions.add(tx, StoredSession(ids["refresh"], tenant_id, ids["refresh"], refresh, None, now, now, later))

    await house.store.database.write(insert)
    await house.store.database.write(
        lambda tx: tenants.add_domain(
            tx, Domain(ids["spare"], tenant_id, "spare.test", DomainStatus.PENDING, None, now)
        )
    )
    for name, path in (
        ("logout", "/auth/logout/"),
        ("confirm", "/auth/mfa/confirm/"),
        ("disable", "/auth/mfa/disable/"),
    ):
        _, site.tokens[path] = await house.services.access.create_token(tenant_id, "session", name, user_id=ids[name])


def worded(path: str) -> str:
    """A path with its words filled in."""
    for name, word in WORDS.items():
        path = path.replace(f"{{{name}}}", quoted(word))
    return path


def quoted(text: str) -> str:
    """An id as it stands in a path."""
    return str(aiohttp.client.URL.build(path=f"/{text}").raw_path)[1:].replace("/", "%2F")


@asynccontextmanager
async def scene(directory: Path) -> AsyncIterator[Scene]:
    """Put one of everything on the stage, for a1."""
    async with served(directory) as site:
        house, inbox = site.house, site.inboxes["a1"]
        text = await house.receive(MESSAGE % (b"agent@local.test", b"one"), to=["agent@local.test"])
        await house.receive(MESSAGE % (b"agent@other.test", b"other"), to=["agent@other.test"])
        await house.settled()
        caller = Caller(inbox.tenant_id, Credential.SESSION, 1, ALL_SCOPES)
        for scope in (None, inbox):
            await house.services.rules.add(caller, scope, Direction.RECEIVE, ListType.BLOCK, WORDS["entry"])
        form = aiohttp.FormData()
        form.add_field("file", b"uploaded", filename="u.txt", content_type="text/plain")
        upload = (await site.call("POST", "/v1/messages/upload/", site.tokens["a1"], data=form)).json
        shown = (await site.call("GET", f"/v1/messages/{text}/", site.tokens["a1"])).json
        folders = (await site.call("GET", "/v1/messages/folders/", site.tokens["a1"])).json
        custom = (await site.call("POST", "/v1/messages/folders/", site.tokens["a1"], json={"name": "Custom"})).json
        form_body = {"to": [{"email": "bounced@remote.test"}], "text_body": "x"}
        await site.call("POST", "/v1/messages/", site.tokens["a1"], json=form_body)
        (job,) = await house.services.queue.page()
        refused = Failed(1, FailureKind.REFUSED, Reply(550, "5.1.1", "no"))
        await house.store.database.write(house.assembled.outcomes.record, job.message, job.deliveries[0], refused)
        await house.receive(dmarc_letter("local.test"), to=["agent@local.test"], sender="dmarc@remote.test")
        await house.settled()
        await house.services.reporting.reading.run()
        (report,) = await house.services.reporting.book.all(None, None, None, 10)
        spare = await house.services.inboxes.add("spare@local.test")
        token, asking = await house.services.access.create_token(
            inbox.tenant_id, "agent", "spare", inbox_id=inbox.id, requires_approval=frozenset({Scope.EMAIL_SEND})
        )
        await _people(site)
        wanted = {"to": [{"email": "bob@remote.test"}], "text_body": "May I?"}
        held = [(await site.call("POST", "/v1/messages/", asking, json=wanted)).json for _ in range(2)]
        person = (await house.rows("SELECT id FROM member WHERE email = 'spare@local.test'"))[0][0]
        furnished = await workspace.furnish(site, text) | await team.furnish(site, shown["thread_id"])
        furnished |= await hooks.furnish(site)
        furnished |= await broadcasts.furnish(site, furnished)
        things = furnished | {
            "user_id": identifiers.encode(Kind.USER, person),
            "domain_name": "local.test",
            "spare_domain": "spare.test",
            "approval_id": held[0]["approval_id"],
            "rejected_id": held[1]["approval_id"],
            "spare_inbox_id": identifiers.encode(Kind.INBOX, spare.id),
            "token_id": identifiers.encode(Kind.TOKEN, token.id),
            "inbox_id": identifiers.encode(Kind.INBOX, inbox.id),
            "inbox_address": inbox.address,
            "message_id": text,
            "header_id": "<one@remote.test>",
            "thread_id": shown["thread_id"],
            "upload_id": upload["blob_id"],
            "part_id": shown["attachments"][0]["blob_id"],
            "report_id": identifiers.encode(Kind.REPORT, report.id),
            "custom_mailbox_id": custom["id"],
            "mailbox_id": next(folder["id"] for folder in folders if folder["role"] == "archive"),
        }
        await enriched.furnish(site, things)
        things |= await agentry.furnish(site, text)
        yield Scene(site, things)
