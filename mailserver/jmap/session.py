"""The session object: who has logged in, what they may look into, and where (RFC 8620 2)."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mailserver.entities import identifiers
from mailserver.entities.access import Caller, Scope
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.jmap import capabilities
from mailserver.jmap.capabilities import Limits
from mailserver.services.mailbox import folder_tree
from mailserver.services.syncing import email_setting, mailboxes

MOST_ACCOUNTS = 1_000


class Session:
    """Writes session objects."""

    def __init__(self, base_url: str, limits: Limits, extensions: Mapping[str, tuple[Any, Any]]) -> None:
        self._base = base_url
        self._websocket = "ws" + base_url.removeprefix("http")
        self._limits = limits
        self._extensions = dict(extensions)  # uri: (of the server, of an account)

    @property
    def known(self) -> frozenset[str]:
        """The capabilities that a request may use."""
        return frozenset({capabilities.CORE, capabilities.MAIL, capabilities.WEBSOCKET, *self._extensions})

    def write(self, caller: Caller, name: str, inboxes: Sequence[Inbox]) -> dict[str, Any]:
        """The session of a caller who may look into these inboxes; the first one is the primary account."""
        shown = list(inboxes)[:MOST_ACCOUNTS]
        of_account = {uri: own for uri, (_, own) in self._extensions.items() if own is not None}
        accounts = {
            identifiers.encode(Kind.INBOX, inbox.id): {
                "name": inbox.address,
                "isPersonal": caller.inbox_id is not None,
                "isReadOnly": Scope.EMAIL_WRITE not in caller.scopes,
                "accountCapabilities": {capabilities.CORE: {}, capabilities.MAIL: self._mail(caller), **of_account},
            }
            for inbox in shown
        }
        first = next(iter(accounts), None)
        primary = dict.fromkeys((capabilities.CORE, capabilities.MAIL, *of_account), first) if first else {}
        session = {
            "capabilities": {
                capabilities.CORE: self._core(),
                capabilities.MAIL: {},
                capabilities.WEBSOCKET: {"url": f"{self._websocket}/jmap/ws", "supportsPush": True},
                **{uri: of_server for uri, (of_server, _) in self._extensions.items()},
            },
            "accounts": accounts,
            "primaryAccounts": primary,
            "username": name,
            "apiUrl": f"{self._base}/jmap/api",
            "downloadUrl": f"{self._base}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}",
            "uploadUrl": f"{self._base}/jmap/upload/{{accountId}}",
            "eventSourceUrl": (
                f"{self._base}/jmap/eventsource?types={{types}}&closeafter={{closeafter}}&ping={{ping}}"
            ),
        }
        return {**session, "state": state(session)}

    def _core(self) -> dict[str, Any]:
        limits = self._limits
        return {
            "maxSizeUpload": limits.upload_bytes,
            "maxConcurrentUpload": limits.concurrent_upload,
            "maxSizeRequest": limits.request_bytes,
            "maxConcurrentRequests": limits.concurrent_requests,
            "maxCallsInRequest": limits.calls_in_request,
            "maxObjectsInGet": limits.objects_in_get,
            "maxObjectsInSet": limits.objects_in_set,
            "collationAlgorithms": ["i;ascii-casemap", "i;ascii-numeric", "i;unicode-casemap"],
        }

    def _mail(self, caller: Caller) -> dict[str, Any]:
        return {
            "maxMailboxesPerEmail": email_setting.MOST_FOLDERS,
            "maxMailboxDepth": folder_tree.DEEPEST,
            "maxSizeMailboxName": mailboxes.LONGEST_NAME,
            "maxSizeAttachmentsPerEmail": capabilities.MAX_ATTACHMENTS_PER_EMAIL,
            "emailQuerySortOptions": list(capabilities.SORTS),
            "mayCreateTopLevelMailbox": Scope.EMAIL_WRITE in caller.scopes,
        }


def state(session: Mapping[str, Any]) -> str:
    """A string that changes with the session."""
    return hashlib.sha256(orjson.dumps(session, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
