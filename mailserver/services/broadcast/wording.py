"""What a broadcast says: once for all of its readers, then for each of them."""

import html as entities
import re
from dataclasses import dataclass

from mailserver.entities import errors, template
from mailserver.entities.broadcast import BroadcastText, Reader, TrackedLink
from mailserver.mail import compose, tracking
from mailserver.mail.address import Person
from mailserver.mail.compose import Draft
from mailserver.services.broadcast import addresses
from mailserver.services.broadcast.addresses import Addresses

MOST_LINKS = 1000
_PLACE = re.compile(r"\{(?:first_name|full_name|name|email|unsubscribe_url|open_url)\}")
_FOOT = (
    '\n<p style="font-size:small"><a href="{unsubscribe_url}">Unsubscribe</a></p>\n'
    '<img src="{open_url}" width="1" height="1" alt="" style="display:block;border:0">\n'
)
_TEXT_FOOT = "\n\nUnsubscribe: {unsubscribe_url}\n"


@dataclass(frozen=True, slots=True)
class Personal:
    """One reader's message: who gets it, and as what."""

    reader: Reader
    number: int  # of the delivery
    header_id: str


def prepare(text: str | None, html: str | None, web: Addresses) -> tuple[BroadcastText, list[TrackedLink]]:
    """Both bodies with what belongs at their foot, and the links that lead past us. Blocks where they are long.

    A link with a place for the reader's own data in it leads past nobody: each reader has another one.
    """
    links: dict[str, TrackedLink] = {}

    def replace(url: str) -> str | None:
        if _PLACE.search(url) or web.is_own(url):
            return None
        known = links.get(url)
        if known is None:
            known = links[url] = TrackedLink(addresses.new_link(), tracking.location(url))
        return web.link(known.id)

    written = tracking.rewrite(html, replace, _FOOT) if html is not None else None
    if len(links) > MOST_LINKS:
        sentence = f"At most {MOST_LINKS:,} different links."
        raise errors.Invalid("The HTML has too many links.", html_body=sentence)
    plain = text.rstrip("\r\n") + _TEXT_FOOT if text is not None else None
    return BroadcastText(plain, written), list(links.values())


def write(
    one: Personal, sender: Person, subject: str, said: BroadcastText, web: Addresses, broadcast_id: int, at: int
) -> bytes:
    """The message of one reader. Blocks."""
    name = _plain(one.reader.full_name)
    leave = web.unsubscribe(one.number)
    values = {
        "first_name": name.partition(" ")[0],
        "full_name": name,
        "name": name,
        "email": one.reader.address,
        "unsubscribe_url": leave,
        "open_url": web.picture(broadcast_id, one.number),
    }
    safe = {key: entities.escape(value) for key, value in values.items()}
    draft = Draft(
        sender=sender, to=(Person(one.reader.address, name or None),), cc=(), bcc=(), reply_to=(),
        subject=_plain(template.fill(subject, values)),
        text=template.fill(said.text, values) if said.text is not None else None,
        html=template.fill(said.html, safe) if said.html is not None else None,
        attachments=(), in_reply_to=None, references=(), header_id=one.header_id, date_at=at,
        # RFC 8058 3.1: both fields, and DKIM signs them.
        extra_headers=(("List-Unsubscribe", f"<{leave}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")),
    )  # fmt: skip
    return compose.compose(draft)


def _plain(text: str) -> str:
    """What may stand in a header: a stranger's name, filled in, must not break out of it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
