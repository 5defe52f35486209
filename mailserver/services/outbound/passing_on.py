"""Forward a message by hand: what was written for it, the original quoted, and its files."""

import asyncio
from dataclasses import replace

from mailserver.entities.message import Flag, MessageSummary
from mailserver.mail import answer, forward
from mailserver.mail.compose import File
from mailserver.mail.message import Parsed
from mailserver.services.mailbox.messages import Messages
from mailserver.services.outbound import outgoing as outgoing_fields
from mailserver.services.outbound.outgoing import Outgoing


async def forwarded(messages: Messages, original: MessageSummary, outgoing: Outgoing) -> Outgoing:
    """What goes out where a message is forwarded with these words; it stays in the original's thread."""
    parsed = await messages.parsed(original)
    files = [
        File(
            outgoing_fields.plain_name(one.filename) if one.filename else None, one.content_type,
            await messages.part(original, one.number), "inline" if one.disposition == "inline" else "attachment",
            one.content_id,
        )
        for one in original.attachments
    ]  # fmt: skip
    text, html = await asyncio.to_thread(_quoted, outgoing, parsed)
    return replace(
        outgoing,
        subject=outgoing.subject or outgoing_fields.plain_name(answer.forward_subject(parsed.subject)),
        text=text,
        html=html,
        attachments=(*outgoing.attachments, *files),
        references=answer.references(parsed) or (original.header_id,),
        marks=((original.id, Flag.FORWARDED),),
    )


def _quoted(outgoing: Outgoing, parsed: Parsed) -> tuple[str, str | None]:
    return forward.text(outgoing.text, parsed), forward.html(outgoing.text, outgoing.html, parsed)
