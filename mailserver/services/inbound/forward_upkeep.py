"""What forwarding needs from time to time: owners told of targets that failed, and kept senders forgotten."""

import time

import structlog

from mailserver.entities.delivery import Deferred
from mailserver.mail import compose
from mailserver.mail.address import Person
from mailserver.mail.compose import Draft
from mailserver.services.inbound.local import LocalDelivery
from mailserver.services.inbound.rewriting import Rewriting
from mailserver.storage import forwarding
from mailserver.storage.database import Database
from mailserver.storage.forwarding import Notice

AT_ONCE = 100
_TEXT = """\
Mail for {source} is no longer forwarded to {target}.

That address has refused {count} messages in a row. The last time it said:

    {reason}

{copies} To forward again, set the target once more; it may be the same address.
"""
log = structlog.get_logger()


class ForwardUpkeep:
    """Calls that a job repeats."""

    def __init__(self, database: Database, local: LocalDelivery, rewriting: Rewriting, hostname: str) -> None:
        self._database = database
        self._local = local
        self._rewriting = rewriting
        self._hostname = hostname

    async def tell(self) -> int:
        """Tell owners of forwards that were switched off; how many. What cannot be stored now is told next time."""
        count = 0
        for notice in await self._database.read(forwarding.notices, AT_ONCE):
            outcome = await self._local.deliver(self._written(notice), "", notice.address, notice.id)
            if isinstance(outcome, Deferred):
                log.warning("forwarding.notice.deferred", inbox_id=notice.forward.inbox_id, reply=str(outcome.reply))
                continue
            await self._database.write(forwarding.told, notice.id)
            log.info("forwarding.notice.sent", inbox_id=notice.forward.inbox_id, reply=str(outcome.reply))
            count += 1
        return count

    async def forget(self) -> int:
        """Forget kept senders whose addresses have run out; how many there were."""
        return await self._rewriting.forget()

    def _written(self, notice: Notice) -> bytes:
        forward = notice.forward
        kept = (
            "Since then every message has been kept here."
            if forward.keeps_copy
            else ("From now on every message is kept here; those that were refused went back to their senders.")
        )
        reason = "".join(letter if letter.isprintable() else " " for letter in notice.reason)
        return compose.compose(
            Draft(
                sender=Person(f"mailer-daemon@{self._hostname}", "Mail server"), to=(Person(notice.address),), cc=(),
                bcc=(), reply_to=(), subject=f"Mail is no longer forwarded to {forward.target}",
                text=_TEXT.format(
                    source=forward.alias or notice.address, target=forward.target, count=forward.failures,
                    reason=reason, copies=kept,
                ),
                html=None, attachments=(), in_reply_to=None, references=(),
                header_id=f"<forward.{notice.id:x}@{self._hostname}>", date_at=int(time.time() * 1000),
                extra_headers=(("Auto-Submitted", "auto-generated"),),
            )
        )  # fmt: skip
