"""The beginning of a message, read once for everything that judges it: header values, text, HTML, links, file names."""

from dataclasses import dataclass

from mailserver.mail import address_list, body, charset, headers, hosts, page, parameters, structure, transfer
from mailserver.mail.address import Person
from mailserver.mail.headers import Headers
from mailserver.mail.page import Page
from mailserver.mail.structure import Entity

MAX_SAMPLE = 256 * 1024
MAX_TEXT = 128 * 1024  # decoded octets of the text, and as many of the HTML
MOST_FILES = 100
MOST_LINKS = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """What a message says, as far as a filter looks."""

    headers: Headers
    subject: str
    sender: tuple[Person, ...]
    reply_to: tuple[Person, ...]
    recipients: tuple[Person, ...]
    text: str
    page: Page
    has_html: bool
    has_text: bool
    hosts: tuple[str, ...]  # of links, each once, in their order
    files: tuple[str, ...]  # names of attachments
    kinds: tuple[str, ...]  # content types of the leaves, each once
    charsets: tuple[str, ...]
    is_ascii_in_base64: bool
    is_broken: bool

    @property
    def words(self) -> str:
        """The text that a person reads, the plain form first."""
        return f"{self.text}\n{self.page.text}" if self.has_html else self.text


def read(raw: bytes) -> Sample:
    """Read a message, or the beginning of one. Never more than 256 KB of it are looked at."""
    raw = raw[:MAX_SAMPLE]
    head, start = headers.split(raw)
    tree = structure.read(raw, head, start)
    chosen = body.choose(tree.root)
    leaves = tree.root.leaves()
    text, is_ascii_in_base64 = _joined(raw, chosen.text)
    html, _ = _joined(raw, chosen.html)
    shown = page.read(html) if html else page.EMPTY
    targets = [link.target for link in shown.links]
    found = [*hosts.in_text(text), *targets]
    names = dict.fromkeys(host for url in found[:MOST_LINKS] if (host := hosts.of_url(url)))
    return Sample(
        headers=head,
        subject=head.text(b"subject")[:1000],
        sender=address_list.parse(head.first(b"from")),
        reply_to=address_list.parse(head.first(b"reply-to")),
        recipients=(*address_list.parse(head.first(b"to")), *address_list.parse(head.first(b"cc"))),
        text=text,
        page=shown,
        has_html=bool(chosen.html),
        has_text=bool(chosen.text),
        hosts=tuple(names),
        files=_files(leaves),
        kinds=tuple(dict.fromkeys(leaf.content_type for leaf in leaves))[:MOST_FILES],
        charsets=tuple(
            dict.fromkeys(leaf.parameters.get("charset", "").lower() for leaf in (*chosen.text, *chosen.html))
        ),
        is_ascii_in_base64=is_ascii_in_base64,
        is_broken=tree.error is not None or bool(head.defects),
    )


def _joined(raw: bytes, leaves: list[Entity]) -> tuple[str, bool]:
    """The texts of leaves, and whether one of them is plain ASCII that somebody wrapped into base 64."""
    texts: list[str] = []
    room = MAX_TEXT
    is_wrapped = False
    for leaf in leaves:
        if room <= 0:
            break
        # The encoded form is at most three times as long, so that is all that need be decoded.
        content = transfer.whole(raw, leaf.offset, min(leaf.end, leaf.offset + 3 * room), leaf.encoding)[:room]
        room -= max(len(content), 1)
        if leaf.encoding == "base64" and len(content) > 20 and content.isascii():
            is_wrapped = True
        text = charset.decode(content, leaf.parameters.get("charset"))
        texts.append(text.replace("\0", " ") if "\0" in text else text)
    return "\n".join(texts), is_wrapped


def _files(leaves: list[Entity]) -> tuple[str, ...]:
    names: list[str] = []
    for leaf in leaves:
        if len(names) >= MOST_FILES:
            break
        _, more = parameters.disposition(leaf.headers.first(b"content-disposition"))
        name = more.get("filename") or leaf.parameters.get("name")
        if name:
            names.append(name.replace("\\", "/").rpartition("/")[2][:255])
    return tuple(names)
