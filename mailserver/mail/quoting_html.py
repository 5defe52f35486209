"""Separate new HTML from quoted history, by the marks that mail programs leave in it."""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mailserver.mail import hypertext, quoting_words
from mailserver.mail.quoting_words import Field

MAX_LENGTH = 512 * 1024
_MAX_TAGS = 16_000
_MAX_LOOKED_AT = 4_000  # blocks read for the words that announce a history
_MAX_HEADS = 10
_MAX_ANNOUNCED = 50
_MAX_STEPS = 200
_HEAD_LENGTH = 8_000
_SHORT = 700

# What stands around a quotation, and nothing else: Gmail, Apple Mail and Thunderbird, Yahoo, Proton, GMX and web.de,
# Zoho, Fastmail and other webmail.
_QUOTATIONS = (
    "blockquote[type=cite], blockquote.gmail_quote, .gmail_attr, .moz-cite-prefix"
    ", .yahoo_quoted, .protonmail_quote, div[name=quote], blockquote#blockquote_zmail, .zmail_extra, .tutanota_quote"
    ", .ydp-quote, #qt"
)
# Where a history begins that goes on to the end: Outlook on the web, on phones, the new one, the old one of Macs.
_BEGINNINGS = (
    "#appendonsend, #divRplyFwdMsg, #ms-outlook-mobile-body-separator-line, #mail-editor-reference-message-container"
    ", .ms-outlook-mobile-reference-message, #OLK_SRC_BODY_SECTION, .OutlookMessageHeader, #stopSpelling"
    ", #stopspelling, #reply-intro, #x_divRplyFwdMsg"
)
_HANDED_ON = ".moz-forward-container, .gmail_forwarded"
_AROUND = ".gmail_quote, .gmail_quote_container, .gmail_extra"
_SIGNATURES = (
    ".gmail_signature_prefix, .gmail_signature, .moz-signature, #ms-outlook-mobile-signature, #AppleMailSignature"
    ", #Signature, .protonmail_signature_block, #ymail_android_signature, .ymail_android_signature, .ydpsignature"
    ", #composer_signature"
)
_HEAD_BORDER = re.compile(r"border-top\s*:\s*solid\s+#(?:e1e1e1|b5c4df)", re.IGNORECASE)
_BLOCKS = frozenset(
    {"div", "p", "blockquote", "table", "ul", "ol", "pre", "hr", "body", "td", "section", "h1", "h2", "h3"}
)
_SILENT = frozenset({"style", "script", "head", "title", "-comment"})
_BLANK = "\n\r\t \xa0\u200b\ufeff"
_SEEN = frozenset({"img", "video", "audio", "input", "button", "svg"})


def extract(html: str, subject: str = "") -> str:
    """Read what the writer added; the HTML as it came where that is all of it, nothing, or too much to look at."""
    if len(html) > MAX_LENGTH or html.count("<") > _MAX_TAGS or hypertext.is_deep(html):
        return html
    tree = LexborHTMLParser(html)
    body = tree.body
    if body is None:
        return html
    changed = _cut(body, subject)
    if not changed or not _says(body):
        return html
    return (tree.html or html) if "<body" in html[:20_000].lower() else (body.inner_html or "").strip()


def _cut(body: LexborNode, subject: str) -> bool:
    """Take history and signature out of the tree; whether anything went."""
    order = {node.mem_id: number for number, node in enumerate(body.css("*"))}
    history = _history(body, order)
    if history is not None and (history.is_handed_on or quoting_words.is_forward_subject(subject)):
        return False
    if history is not None:
        _drop_from(history.node, body)
    signatures = _outermost(body, _SIGNATURES, order)
    for signature in signatures:
        signature.decompose()
    changed = _drop_quotations(body, order, is_answer=quoting_words.is_answer_subject(subject))
    return _drop_device(body) or changed or bool(signatures) or history is not None


@dataclass(frozen=True, slots=True)
class _History:
    """Where something begins that goes on to the end: a history, or a message handed on."""

    node: LexborNode
    is_handed_on: bool = False


def _history(body: LexborNode, order: dict[int, int]) -> _History | None:
    """Find the first beginning that does not itself stand in a quotation."""
    found = [_History(node, is_handed_on=True) for node in body.css(_HANDED_ON)[:1]]
    quoted: set[int] = set()
    for number, quotation in enumerate(_outermost(body, _QUOTATIONS, order)):
        if number < _MAX_ANNOUNCED and _hands_on(quotation):
            found.append(_History(quotation, is_handed_on=True))
        else:
            quoted.update(range(order[quotation.mem_id], _end(quotation, order)))
    found += [_History(node) for node in body.css(_BEGINNINGS) if order[node.mem_id] not in quoted][:1]
    framed = [
        node for node in body.css("[style*=border-top]") if _HEAD_BORDER.search(node.attributes.get("style") or "")
    ]
    found += [_History(node) for node in framed[:_MAX_HEADS] if order[node.mem_id] not in quoted and _is_head(node)][:1]
    spoken = _spoken(body, order, quoted)
    if spoken is not None:
        found.append(spoken)
    return min(found, key=lambda each: order.get(each.node.mem_id, len(order)), default=None)


def _outermost(body: LexborNode, selector: str, order: dict[int, int]) -> list[LexborNode]:
    """Find what a selector names, without what stands in another of them: that goes with it."""
    found = []
    end = -1
    for node in sorted(body.css(selector), key=lambda each: order[each.mem_id]):
        if order[node.mem_id] >= end:
            found.append(node)
            end = _end(node, order)
    return found


def _end(node: LexborNode, order: dict[int, int]) -> int:
    """The number of the first element behind a node and all in it."""
    current: LexborNode | None = node
    while current is not None:
        following = current.next
        while following is not None:
            if following.mem_id in order:
                return order[following.mem_id]
            following = following.next
        current = current.parent
    return len(order)


def _hands_on(quoted: LexborNode) -> bool:
    lines = [line.strip() for line in _start(quoted).split("\n") if line.strip()]
    return any(quoting_words.is_forward(line) for line in lines[:1])


def _start(node: LexborNode) -> str:
    """The first words of a node, a line for each piece of text."""
    pieces: list[str] = []
    length = 0
    for each in node.traverse(include_text=True):
        if each.is_text_node:
            pieces.append(each.text_content or "")
            length += len(pieces[-1])
            if length > _SHORT or len(pieces) > 50:
                break
    return "\n".join(pieces)


def _spoken(body: LexborNode, order: dict[int, int], quoted: set[int]) -> _History | None:
    """Find a history by its words: a ruled line, or a head without a frame that we know."""
    heads = 0
    for block in body.css("div, p, span, b, strong, font, td, pre")[:_MAX_LOOKED_AT]:
        words = block.text(deep=False).strip()
        if not 3 < len(words) < _SHORT or order[block.mem_id] in quoted:
            continue
        for line in words.split("\n")[:4]:
            if quoting_words.is_forward(line.strip()):
                return _History(block, is_handed_on=True)
            if quoting_words.is_original(line.strip()):
                return _History(_whole_line(block))
        if quoting_words.field(words) in (Field.FROM, Field.DATE) and heads < _MAX_HEADS:
            heads += 1
            head = _block_of(block, body)
            if head is not None and _is_head(head):
                return _History(head)
            if head is not None and head.parent is not None and _is_head_apart(head):
                return _History(head)
    return None


def _is_head_apart(first: LexborNode) -> bool:
    """Whether a head stands in blocks side by side, a field each."""
    lines: list[str] = []
    current: LexborNode | None = first
    while current is not None and len(lines) < 12:
        text = " ".join(_start(current).split())
        if text:
            lines.append(text)
        current = current.next
    return quoting_words.is_head(lines)


def _whole_line(block: LexborNode) -> LexborNode:
    """The element that holds this line and nothing before it."""
    while block.parent is not None and block.parent.tag not in ("body", "html") and _is_first(block):
        block = block.parent
    return block


def _is_first(node: LexborNode) -> bool:
    before = node.prev
    while before is not None:
        if _says(before):
            return False
        before = before.prev
    return True


def _block_of(node: LexborNode, body: LexborNode) -> LexborNode | None:
    """The block around a word, if it begins with it."""
    while node.tag not in _BLOCKS:
        if not _is_first(node) or node.parent is None or _is(node.parent, body):
            return None
        node = node.parent
    return node


def _is_head(block: LexborNode) -> bool:
    lines = [line for line in hypertext.to_text((block.html or "")[:_HEAD_LENGTH]).split("\n") if line.strip()]
    return bool(lines) and quoting_words.is_head(lines[:12])


def _drop_from(node: LexborNode, body: LexborNode) -> None:
    """Take out a node, all that follows it, and the ruled line before it."""
    before = _before(node, body)
    if before is not None and before.tag == "hr":
        before.decompose()
    current: LexborNode | None = node
    is_start = True
    while current is not None and current.tag != "body":
        parent = current.parent
        following = current.next
        while following is not None:
            gone, following = following, following.next
            gone.decompose()
        if is_start:
            current.decompose()
        is_start = False
        current = parent


def _drop_quotations(body: LexborNode, order: dict[int, int], *, is_answer: bool) -> bool:
    """Take out what programs mark as quoted, and each plain block quote that an announcement stands before.

    One without is what its writer cites, a poem or a rule, but for the end of an answer.
    """
    quotations = _outermost(body, _QUOTATIONS, order)
    for number, quoted in enumerate(quotations):
        if number < _MAX_ANNOUNCED:
            _drop_announcement(quoted, body)
        quoted.decompose()
    plain = [
        quoted
        for quoted in _outermost(body, "blockquote", order)[:_MAX_ANNOUNCED]
        if _announces_itself(quoted) or _drop_announcement(quoted, body) or (is_answer and _is_last(quoted, body))
    ]
    for quoted in plain:
        quoted.decompose()
    if quotations or plain:
        for around in reversed(body.css(_AROUND)):  # the inner first, so that none is looked at that went with another
            if not _says(around):
                around.decompose()
    return bool(quotations or plain)


def _announces_itself(quoted: LexborNode) -> bool:
    """Whether a block quote begins with its own `… wrote:`, as Yahoo's programs for phones put it."""
    lines = [line.strip() for line in _start(quoted).split("\n") if line.strip()]
    return any(
        quoting_words.is_announcement(" ".join(lines[:count]), before_quotation=True)
        for count in range(1, min(len(lines), 4) + 1)
    )


def _is_last(node: LexborNode, body: LexborNode) -> bool:
    """Whether nothing shows behind a node, and something before it."""
    if _before(node, body) is None:
        return False
    current: LexborNode | None = node
    steps = 0
    while current is not None and not _is(current, body) and steps < _MAX_STEPS:
        after = current.next
        while after is not None and steps < _MAX_STEPS:
            if _says(after):
                return False
            after = after.next
            steps += 1
        steps += 1
        current = current.parent
    return current is not None and _is(current, body)


def _before(node: LexborNode, body: LexborNode) -> LexborNode | None:
    """The last thing that shows before a node."""
    current: LexborNode | None = node
    steps = 0
    while current is not None and not _is(current, body) and steps < _MAX_STEPS:
        before = current.prev
        while before is not None and before.tag != "hr" and not _says(before):
            before = before.prev
            steps += 1
        steps += 1
        if before is not None:
            return before
        current = current.parent
    return None


def _drop_announcement(quoted: LexborNode, body: LexborNode) -> bool:
    """Take out the `… wrote:` before a quotation: a block of its own, or the end of the run of text before."""
    last = _before(quoted, body)
    while last is not None and last.tag in _BLOCKS and last.last_child is not None:
        inner: LexborNode | None = last.last_child
        while inner is not None and not _says(inner):
            inner = inner.prev
        if inner is None:
            return False
        last = inner
    run: list[LexborNode] = []
    while last is not None and last.tag not in _BLOCKS and len(run) < 20:
        run.append(last)
        text = " ".join(" ".join(each.text() or "" for each in reversed(run)).split())
        if len(text) > _SHORT:
            return False
        if quoting_words.is_announcement(text, before_quotation=True) and (
            last.prev is None or last.prev.tag in _BLOCKS or last.prev.tag == "br"
        ):
            for each in run:
                each.decompose()
            return True
        last = last.prev
    return False


def _drop_device(body: LexborNode) -> bool:
    """Take out the line that a phone signs with, where it is the last that shows."""
    last: LexborNode | None = body
    while last is not None and last.last_child is not None:
        inner: LexborNode | None = last.last_child
        while inner is not None and not _says(inner):
            inner = inner.prev
        if inner is None:
            return False
        last = inner
        text = (last.text() or "").strip()
        if len(text) < 200 and quoting_words.is_device(text):
            last.decompose()
            return True
    return False


def _is(node: LexborNode, other: LexborNode) -> bool:
    """Whether two are one; `==` of the library writes both out as HTML and compares that."""
    return node.mem_id == other.mem_id


def _says(node: LexborNode) -> bool:
    """Whether a reader sees anything of a node."""
    if node.tag in _SILENT:
        return False
    for each in node.traverse(include_text=True):
        if each.tag in _SEEN:
            return True
        if each.is_text_node and (each.text_content or "").strip(_BLANK):
            return each.parent is None or each.parent.tag not in _SILENT
    return False
