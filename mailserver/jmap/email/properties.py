"""Which properties of an Email are asked for, and what has to be read for them (RFC 8621 4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.jmap import errors
from mailserver.jmap.arguments import Arguments
from mailserver.jmap.email import parts
from mailserver.mail.header_forms import BadProperty, Wanted

METADATA = ("id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt")
CONVENIENCE = {
    "messageId": "header:Message-ID:asMessageIds",
    "inReplyTo": "header:In-Reply-To:asMessageIds",
    "references": "header:References:asMessageIds",
    "sender": "header:Sender:asAddresses",
    "from": "header:From:asAddresses",
    "to": "header:To:asAddresses",
    "cc": "header:Cc:asAddresses",
    "bcc": "header:Bcc:asAddresses",
    "replyTo": "header:Reply-To:asAddresses",
    "subject": "header:Subject:asText",
    "sentAt": "header:Date:asDate",
}
BODY = ("bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments", "hasAttachment", "preview")
EVERY = (*METADATA, *CONVENIENCE, *BODY, "headers")
DEFAULT = (
    *METADATA, *CONVENIENCE, "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments",
)  # fmt: skip
PARSED = (*CONVENIENCE, "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody", "attachments")
IN_ROWS = frozenset(
    {*METADATA, "messageId", "references", "from", "to", "cc", "bcc", "replyTo", "subject", "hasAttachment", "preview"}
)
MOST_HEADERS = 200  # `header:` properties of one call


@dataclass(frozen=True, slots=True)
class Wish:
    """What to show of each message."""

    properties: tuple[str, ...]
    headers: tuple[Wanted, ...] = ()
    body_properties: tuple[str, ...] = ()
    body_headers: tuple[Wanted, ...] = ()
    fetches_text: bool = False
    fetches_html: bool = False
    fetches_all: bool = False
    most_octets: int = 0

    @property
    def needs_file(self) -> bool:
        """Whether the rows alone do not tell it."""
        return bool(self.headers) or any(name not in IN_ROWS for name in self.properties)


def read(arguments: Arguments, default: Sequence[str] = DEFAULT) -> Wish:
    """The wish of an Email/get or Email/parse."""
    asked = arguments.strings("properties")
    names, headers = _split(list(default) if asked is None else asked, EVERY, "properties")
    of_parts = arguments.strings("bodyProperties")
    body_names, body_headers = _split(
        list(parts.DEFAULT) if of_parts is None else of_parts, parts.PROPERTIES, "bodyProperties"
    )
    return Wish(
        tuple(names), tuple(headers), tuple(body_names), tuple(body_headers),
        arguments.boolean("fetchTextBodyValues"), arguments.boolean("fetchHTMLBodyValues"),
        arguments.boolean("fetchAllBodyValues"), arguments.unsigned("maxBodyValueBytes") or 0,
    )  # fmt: skip


def _split(asked: list[str], known: Sequence[str], argument: str) -> tuple[list[str], list[Wanted]]:
    """Plain properties, and those of the header."""
    names: dict[str, None] = {}
    headers: dict[str, Wanted] = {}
    for text in asked:
        if text in known:
            names[text] = None
            continue
        try:
            headers[text] = Wanted(text)
        except BadProperty as error:
            raise errors.invalid(f"There is no property {text[:100]}.", argument) from error
    if len(headers) > MOST_HEADERS:
        raise errors.invalid(f"At most {MOST_HEADERS} header properties.", argument)
    return list(names), list(headers.values())
