"""A message's way to its destination: one connection, replaced when it breaks between two recipients."""

from mailserver.mail.reply import Reply
from mailserver.queue.conversation import Content, Refused, Stage
from mailserver.queue.parameters import Letter, Unsupported
from mailserver.queue.pool import Link, Pool
from mailserver.queue.routing import Target
from mailserver.queue.tls import TlsLevel
from mailserver.queue.wire import Broken


class Line:
    """Sends one letter after another. `host` and `verdict` speak of the last one."""

    def __init__(self, pool: Pool, targets: tuple[Target, ...], least: TlsLevel) -> None:
        self._pool = pool
        self._targets = list(targets)
        self._least = least
        self._link: Link | None = None
        self.host = targets[0].name
        self.verdict = "none"

    @property
    def reports_for_us(self) -> bool:
        """Whether the server itself reports a success (RFC 3461 4)."""
        return self._link is not None and self._link.conversation.extensions.offers("DSN")

    @property
    def keeps_time(self) -> bool:
        """Whether the server knows by when a message is wanted (RFC 2852)."""
        return self._link is not None and self._link.conversation.extensions.offers("DELIVERBY")

    async def send(self, letter: Letter, content: Content) -> Reply:
        """Send by the first target that can carry the letter; the trouble of the last is raised where none can."""
        while True:
            link = await self._connected()
            try:
                return await link.conversation.send(letter, content)
            except Unsupported:
                self._drop_target(link)
                if not self._targets:
                    raise
            except (Refused, Broken) as trouble:
                if not _is_stale(link, trouble):
                    raise
                self._link = None
                link.conversation.abort()

    def hang_up(self) -> None:
        """Let the next message have the connection; one with a message under way is of no use to anybody."""
        if self._link is not None:
            self._pool.give(self._link)
            self._link = None

    async def _connected(self) -> Link:
        if self._link is None or not self._link.conversation.is_open:
            self._link = None
            self._link = await self._pool.take(tuple(self._targets), self._least)
            self.host = self._link.target.name
            self.verdict = self._link.conversation.verdict
        return self._link

    def _drop_target(self, link: Link) -> None:
        """This host lacks what the message needs; another of the destination may have it."""
        self._targets = [target for target in self._targets if target.name != link.target.name]
        if self._targets:
            self._pool.give(link)
            self._link = None


def _is_stale(link: Link, trouble: Refused | Broken) -> bool:
    """Whether the server had left after an earlier message, before anything of this one: no reason to wait."""
    conversation = link.conversation
    has_left = isinstance(trouble, Broken) or trouble.stage is Stage.GREETING
    return has_left and conversation.sent > 0 and conversation.stage is Stage.MAIL
