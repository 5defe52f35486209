"""What an operator may ask for: each verb is one call of a service and its answer as plain data."""

from collections.abc import Awaitable, Callable
from typing import Any

from mailserver.admin import (
    backups,
    certificates,
    forwarding,
    health,
    inboxes,
    keys,
    local_programs,
    logging,
    messages,
    moving,
    reports,
    rules,
    scripts,
    tokens,
    users,
)
from mailserver.admin.logging import Level
from mailserver.entities import errors, identifiers
from mailserver.entities.delivery import Job, State
from mailserver.entities.identifiers import Kind
from mailserver.services.outbound import queue
from mailserver.services.registry import Services

Arguments = dict[str, Any]


class Verbs:
    """The admin socket's and the command line's way to the services."""

    def __init__(self, services: Services, level: Level | None = None) -> None:
        self._services = services
        self._table: dict[str, Callable[[Arguments], Awaitable[Any]]] = {
            "bootstrap": self._bootstrap,
            "domain.add": self._domain_add,
            "domain.list": self._domain_list,
            "domain.rm": self._domain_remove,
            "queue.list": self._queue_list,
            "queue.show": self._queue_show,
            "queue.retry": lambda given: self._queue_move(self._services.queue.retry, given),
            "queue.hold": lambda given: self._queue_move(self._services.queue.hold, given),
            "queue.release": lambda given: self._queue_move(self._services.queue.release, given),
            "queue.drop": lambda given: self._queue_move(self._services.queue.drop, given),
            "verify": self._verify,
            "sendmail": lambda given: local_programs.send(services, given, by_operator=True),
            "reindex": self._reindex,
            **backups.table(services),
            **certificates.table(services),
            **forwarding.table(services),
            **health.table(services),
            **inboxes.table(services, self._tenant),
            **keys.table(services),
            **logging.table(level),
            **messages.table(services),
            **moving.table(services),
            **reports.table(services),
            **rules.table(services, self._tenant),
            **scripts.table(services),
            **tokens.table(services, self._tenant),
            **users.table(services, self._tenant),
        }

    async def run(self, verb: str, arguments: Arguments) -> Any:
        """Run a verb; NotProvided for one that there is not."""
        function = self._table.get(verb)
        if function is None:
            raise errors.NotProvided(f"The server has no verb {verb}; is it older than this command?")
        return await function(arguments)

    async def _bootstrap(self, given: Arguments) -> Arguments:
        tenant_id = _number(Kind.TENANT, given["tenant"]) if given.get("tenant") else None
        made = await self._services.bootstrap.run(given["domain"], given["address"], given["password"], tenant_id)
        answer = {
            "tenant_id": identifiers.encode(Kind.TENANT, made.tenant.id),
            "user_id": identifiers.encode(Kind.USER, made.owner.id),
            "user_email": made.owner.email,
            "domain": made.domain.name,
            "inbox_id": identifiers.encode(Kind.INBOX, made.inbox.id),
            "address": made.inbox.address,
        }
        tokens = {"agent_token": made.agent_token, "session_token": made.session_token, "api_key": made.api_key}
        return answer | {name: token for name, token in tokens.items() if token is not None}

    async def _domain_add(self, given: Arguments) -> Arguments:
        tenant_id = await self._tenant(given.get("tenant"))
        domain = await self._services.domains.add(tenant_id, given["domain"])
        return {"domain": domain.name, "tenant_id": identifiers.encode(Kind.TENANT, domain.tenant_id)}

    async def _domain_list(self, given: Arguments) -> list[Arguments]:
        del given
        return [
            {
                "domain": domain.name,
                "tenant_id": identifiers.encode(Kind.TENANT, domain.tenant_id),
                "status": domain.status.value,
            }
            for domain in await self._services.domains.all()
        ]

    async def _domain_remove(self, given: Arguments) -> Arguments:
        await self._services.domains.remove(given["domain"])
        return {"domain": given["domain"], "removed": True}

    async def _queue_list(self, given: Arguments) -> list[Arguments]:
        states = [State(name) for name in given.get("states") or [state.value for state in queue.OPEN]]
        page = await self._services.queue.page(states, given.get("domain"), limit=given.get("limit") or 1000)
        return [_delivery(job) for job in page]

    async def _queue_show(self, given: Arguments) -> Arguments:
        shown = await self._services.queue.show(_number(Kind.DELIVERY, given["id"]))
        answer = _delivery(Job(shown.message, (shown.delivery,)))
        answer["tried"] = [
            {
                "started_at": tried.started_at, "finished_at": tried.finished_at, "host": tried.host,
                "reply": tried.reply, "tls": tried.tls, "result": tried.result,
            }
            for tried in shown.attempts
        ]  # fmt: skip
        return answer

    async def _queue_move(self, move: Callable[[list[int]], Awaitable[list[int]]], given: Arguments) -> Arguments:
        moved = await move([_number(Kind.DELIVERY, text) for text in given["ids"]])
        return {"ids": [identifiers.encode(Kind.DELIVERY, number) for number in moved]}

    async def _verify(self, given: Arguments) -> Arguments:
        return await self._services.integrity.verify(deep=bool(given.get("deep")))

    async def _reindex(self, given: Arguments) -> Arguments:
        answer = await self._services.rebuild.adopt() if given.get("adopt") else {}
        return answer | await self._services.integrity.reindex()

    async def _tenant(self, text: str | None) -> int:
        """The tenant that is named; the only one where none is."""
        if text:
            return _number(Kind.TENANT, text)
        tenants = {domain.tenant_id for domain in await self._services.domains.all()}
        if not tenants:
            raise errors.Invalid("There is no tenant yet; make the first one with: mailserver bootstrap.")
        if len(tenants) != 1:
            raise errors.Invalid("Say which tenant is meant with --tenant; `mailserver domain list` shows their ids.")
        return tenants.pop()


def _number(kind: Kind, text: str) -> int:
    try:
        return identifiers.decode(kind, text)
    except identifiers.BadIdentifier as error:
        raise errors.Invalid(f"{text!r} is not an id of the form {kind.value}_….") from error


def _delivery(job: Job) -> Arguments:
    (delivery,) = job.deliveries
    return {
        "id": identifiers.encode(Kind.DELIVERY, delivery.id),
        "state": delivery.state.value,
        "sender": job.message.sender,
        "recipient": delivery.recipient,
        "subject": job.message.subject,
        "message_id": job.message.header_id,
        "size": job.message.size,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.next_attempt_at if delivery.state is State.QUEUED else None,
        "release_at": job.message.release_at,
        "wanted_by_at": job.message.by_at,
        "priority": delivery.priority,
        "expires_at": job.message.expires_at,
        "last_reply": delivery.last_reply,
        "last_host": delivery.last_host,
        "tls": delivery.tls,
    }
