"""What a message is recognised by: its words and the marks of its header, a thousand distinct ones at most.

Words stand as they are; what comes from somewhere else than the text has a prefix that says where. Languages that
write without blanks give pairs of letters.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import add

from mailserver.mail import hosts
from mailserver.mail.sample import Sample

MOST = 1_000
MOST_OF_SUBJECT = 100
MOST_OF_HEADER = 150
MOST_RUNS = 20_000  # of letters without blanks, in one text
MAX_TEXT = 256 * 1024  # characters of one text, which some letters would make longer
LONGEST = 24
_SCRIPTS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_DENSE = re.compile(rf"[{_SCRIPTS}]+")
_WORD = re.compile(r"[\w'\u2019$€£¥%-]{2,200}")
_DIGITS = re.compile(r"\d+")
_WORDS_OF_MAILER = re.compile(r"[A-Za-z][A-Za-z.]{2,20}")


def of(sample: Sample) -> tuple[str, ...]:
    """Every token of a message once: the header's, the links', the subject's, then the text's up to the limit."""
    found: dict[str, None] = dict.fromkeys(islice(_of_header(sample), MOST_OF_HEADER))
    for host in sample.hosts[:50]:
        found[f"url:{host[:100]}"] = None
        found[f"url:{hosts.site(host)[:100]}"] = None
    subject = dict.fromkeys(islice(_words(sample.subject), MOST_OF_SUBJECT))
    found.update((f"subject:{word}", None) for word in subject)
    for word in _words(sample.words):
        found[word] = None
        if len(found) >= MOST:
            break
    return tuple(found)


def _of_header(sample: Sample) -> Iterator[str]:
    for person in sample.sender[:3]:
        domain = person.address.rpartition("@")[2].lower()[:100]
        yield f"from:{domain}"
        yield f"from:{person.address.lower()[:120]}"
        yield from (f"name:{word}" for word in islice(_words(person.name or ""), 10))
    senders = {hosts.site(person.address.rpartition("@")[2].lower()) for person in sample.sender}
    for person in sample.reply_to[:3]:
        site = hosts.site(person.address.rpartition("@")[2].lower())
        yield f"reply:{'same' if site in senders else 'other'}"
    mailer = sample.headers.text(b"x-mailer") or sample.headers.text(b"user-agent")
    yield from (f"mailer:{word.lower()}" for word in islice(_WORDS_OF_MAILER.findall(mailer[:200]), 3))
    yield from (f"has:{name}" for name in ("list-id", "list-unsubscribe", "x-mailer", "in-reply-to", "references",
                                           "reply-to", "date", "message-id") if sample.headers.count(name))  # fmt: skip
    if b"undisclosed" in (sample.headers.first(b"to") or b"").lower():
        yield "to:undisclosed"
    yield f"to:{min(len(sample.recipients), 5)}"
    yield from (f"charset:{label[:40]}" for label in sample.charsets[:5])
    yield from (f"kind:{kind}" for kind in sample.kinds[:15])
    for name in sample.files[:20]:
        yield f"file:{name.rpartition('.')[2].lower()[:20]}"
    if sample.has_html:
        yield "html:" + ("both" if sample.has_text else "only")
        yield f"images:{min(sample.page.images, 3)}"
        if sample.page.hidden_letters > 20:
            yield "hidden:text"


def _words(text: str) -> Iterator[str]:
    """Distinct words in small letters; long ones by their first letter and length, numbers by their length."""
    plain = text.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain)[:MAX_TEXT]
        for run in islice(_DENSE.findall(plain), MOST_RUNS):
            yield from _pairs(run)
        plain = _DENSE.sub(" ", plain)
    for found in dict.fromkeys(_WORD.findall(plain)):
        word = found.strip("'\u2019-")
        if len(word) < 3 and not word.endswith(("%", "$", "€", "£", "¥")):
            continue
        if len(word) > LONGEST:
            yield f"long:{word[0]}{len(word) // 10}"
        elif word[0].isdigit() or word[-1].isdigit():
            yield _DIGITS.sub(lambda digits: "0" * min(len(digits[0]), 5), word)
        else:
            yield word


def _pairs(run: str) -> Iterable[str]:
    return dict.fromkeys(map(add, run, run[1:])) if len(run) > 1 else (run,)
