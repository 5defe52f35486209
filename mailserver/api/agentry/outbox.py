"""What every way of sending has in common: people, files, and requests that come again."""

import asyncio
import base64
import binascii
from collections.abc import Sequence

from aiohttp import web

from mailserver.api.agentry import present
from mailserver.api.agentry.schemas import sending as shapes
from mailserver.entities import errors, identifiers, mail_labels
from mailserver.entities.access import Caller
from mailserver.entities.identifiers import Kind
from mailserver.entities.inbox import Inbox
from mailserver.entities.message import MessageSummary
from mailserver.mail import address as addresses
from mailserver.mail.address import Person
from mailserver.mail.compose import File
from mailserver.services.outbound import fetched_files, passing_on, send
from mailserver.services.outbound.outgoing import Outgoing
from mailserver.services.outbound.send import Repeatable, Sent
from mailserver.services.registry import Services

DECODED_LETTERS = 4 << 18
MOST_RECIPIENTS = 50
MOST_URLS = 10
FETCHING_SECONDS = 40.0  # for all files of one message: clients give up after a minute


class Outbox:
    """Sends for the pages of this face."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def send(self, caller: Caller, inbox: Inbox, body: shapes.SendMessage, request: web.Request) -> shapes.Sent:
        """Send a new message."""
        return await self._once(caller, inbox, body, request, None, is_forward=False)

    async def reply(
        self,
        caller: Caller,
        inbox: Inbox,
        original: MessageSummary,
        body: shapes.ReplyToMessage | shapes.ReplyAllToMessage,
        request: web.Request,
    ) -> shapes.Sent:
        """Answer a message."""
        if body.text is None and body.html is None:
            raise errors.Invalid("A reply needs text or html.", text="At least one of text and html is required.")
        return await self._once(caller, inbox, body, request, original, is_forward=False)

    async def forward(
        self, caller: Caller, inbox: Inbox, original: MessageSummary, body: shapes.SendMessage, request: web.Request
    ) -> shapes.Sent:
        """Forward a message with its files."""
        return await self._once(caller, inbox, body, request, original, is_forward=True)

    async def files(self, field: str, attached: Sequence[shapes.AttachedFile]) -> tuple[File, ...]:
        """The files to attach: decoded, or fetched from where they lie."""
        if sum(one.url is not None for one in attached) > MOST_URLS:
            raise errors.Invalid("Too many files by URL.", **{field: f"At most {MOST_URLS} have a url."})
        found, left = [], fetched_files.MOST_BYTES
        try:
            async with asyncio.timeout(FETCHING_SECONDS):
                for position, one in enumerate(attached):
                    file = await self._file(f"{field}.{position}", one, left)
                    left -= len(file.content) if one.url is not None else 0
                    found.append(file)
        except TimeoutError as error:
            raise errors.Invalid("The files take too long to fetch.", **{field: "Send the content."}) from error
        return tuple(found)

    def repeatable(self, inbox: Inbox, request: web.Request, content: str) -> Repeatable | None:
        """The request as one that may come again; None where its client gave it no key."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return None
        return Repeatable(key, send.fingerprint("agentry", request.path, inbox.id, content), is_tenants=True)

    async def _once(
        self,
        caller: Caller,
        inbox: Inbox,
        body: shapes.Letter,
        request: web.Request,
        original: MessageSummary | None,
        *,
        is_forward: bool,
    ) -> shapes.Sent:
        repeatable = self.repeatable(inbox, request, body.model_dump_json())
        known = await self._services.sending.answered(caller, inbox, repeatable)
        if known is not None:
            return sent(known)
        mail_labels.refuse_fixed(tuple(body.labels), "labels")
        outgoing = _letter(body, await self.files("attachments", body.attachments), original, is_forward=is_forward)
        if original is not None and is_forward:
            outgoing = await passing_on.forwarded(self._services.messages, original, outgoing)
        return sent(await self._services.sending.send(caller, inbox, outgoing, repeatable))

    async def _file(self, field: str, one: shapes.AttachedFile, left: int) -> File:
        if (one.content is None) == (one.url is None):
            raise errors.Invalid("A file needs its content.", **{field: "Either content, in base 64, or url."})
        if one.url is not None:
            fetched = await self._services.fetched_files.get(f"{field}.url", one.url, left)
            content, name, kind = fetched.content, fetched.filename, fetched.content_type
        else:
            content, name, kind = await asyncio.to_thread(_decoded, field, one.content or ""), None, None
        return File(
            one.filename or name or "attachment", one.content_type or kind or "application/octet-stream", content,
            one.content_disposition or "attachment", one.content_id,
        )  # fmt: skip


def sent(one: Sent) -> shapes.Sent:
    """What was sent."""
    return shapes.Sent(
        message_id=present.message_id(one.message_id, one.header_id),
        thread_id=identifiers.encode(Kind.THREAD, one.thread_id),
    )


def people(field: str, texts: Sequence[str] | None) -> tuple[Person, ...]:
    """`name@domain` or `Name <name@domain>`."""
    found = []
    for text in texts or ():
        name, opened, rest = text.rpartition("<")
        address = rest.strip().removesuffix(">").strip() if opened else text.strip()
        try:
            addresses.parse(address)
        except addresses.AddressError as error:
            raise errors.Invalid(f"{text!r} is not an address.", **{field: str(error)}) from error
        found.append(Person(address, name.strip().strip('"') or None))
    return tuple(found)


def check_number(*groups: Sequence[Person]) -> None:
    """Invalid where a message has more recipients than this interface allows."""
    if sum(len(group) for group in groups) > MOST_RECIPIENTS:
        sentence = f"A message has at most {MOST_RECIPIENTS} recipients."
        raise errors.Invalid(sentence, to=sentence)


def _letter(
    body: shapes.Letter, files: tuple[File, ...], original: MessageSummary | None, *, is_forward: bool
) -> Outgoing:
    """What goes out."""
    has_people = isinstance(body, shapes.SendMessage | shapes.ReplyToMessage)
    to, cc, bcc = (people(name, getattr(body, name)) if has_people else () for name in ("to", "cc", "bcc"))
    check_number(to, cc, bcc)
    return Outgoing(
        to=to, cc=cc, bcc=bcc, reply_to=people("reply_to", body.reply_to),
        subject=body.subject if isinstance(body, shapes.SendMessage) else None, text=body.text, html=body.html,
        attachments=files, headers=tuple(body.headers.items()), labels=tuple(body.labels),
        reply_to_message=None if is_forward else original,
        reply_all=isinstance(body, shapes.ReplyAllToMessage)
        or (isinstance(body, shapes.ReplyToMessage) and body.reply_all),
        reaches_somebody=True,
    )  # fmt: skip


def _decoded(field: str, text: str) -> bytes:
    """Base 64, in steps: the decoder lets no other thread work while it runs. Blocks."""
    steps = range(0, len(text), DECODED_LETTERS)
    try:
        return b"".join(base64.b64decode(text[start : start + DECODED_LETTERS], validate=True) for start in steps)
    except (binascii.Error, ValueError) as error:
        raise errors.Invalid("An attachment is not base 64.", **{field: "The content is not base 64."}) from error
