"""Signs of junk in a message itself: header fields first, then text, links and attachments.

Each sign is a small function. What a careless but harmless sender leaves out counts little, all of it together less
than half of what makes junk; what only a deceiver does counts much.
"""

import re
from collections.abc import Callable

from mailserver.mail import hosts
from mailserver.mail.headers import date_ms
from mailserver.mail.sample import Sample
from mailserver.mail.spam_status import Sign

# The published test string that every filter must find (GTUBE), put together so that this file may be mailed.
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
DAY_MS = 86_400_000
FREEMAIL = frozenset(
    {
        "126.com", "163.com", "aol.com", "daum.net", "free.fr", "freenet.de", "gmail.com", "gmx.com", "gmx.de",
        "gmx.net", "googlemail.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "hushmail.com", "icloud.com",
        "inbox.lv", "inbox.ru", "libero.it", "live.com", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com",
        "naver.com", "outlook.com", "proton.me", "protonmail.com", "qq.com", "rediffmail.com", "rocketmail.com",
        "seznam.cz", "t-online.de", "tutanota.com", "usa.com", "web.de", "wp.pl", "yahoo.co.jp", "yahoo.co.uk",
        "yahoo.com", "yahoo.de", "yahoo.fr", "yandex.com", "yandex.ru", "ymail.com", "zohomail.com",
    }
)  # fmt: skip
SHORTENERS = frozenset(
    {
        "bit.ly", "bl.ink", "buff.ly", "cutt.ly", "goo.gl", "is.gd", "lnkd.in", "ow.ly", "qr.ae", "rb.gy",
        "rebrand.ly", "s.id", "shorturl.at", "soo.gd", "t.co", "t.ly", "tiny.cc", "tinyurl.com", "u.to", "v.gd",
    }
)  # fmt: skip
_EXECUTABLE = frozenset(
    {
        "ade", "apk", "bat", "chm", "cmd", "com", "cpl", "dll", "exe", "gadget", "hta", "inf", "ins", "isp", "jar",
        "js", "jse", "lnk", "mde", "msc", "msi", "msp", "pif", "ps1", "reg", "scf", "scr", "sct", "shb", "sys", "url",
        "vb", "vbe", "vbs", "vxd", "wsc", "wsf", "wsh",
    }
)  # fmt: skip
_DOUBLE = re.compile(r"\.(?:pdf|docx?|xlsx?|pptx?|txt|rtf|jpe?g|png|gif|mp[34]|zip|htm[l]?)[\s_.]*\.([a-z0-9]{2,6})$")
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]{1,64}@([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,6})", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]")


def gtube(raw: bytes) -> tuple[Sign, ...]:
    """Look for the test string."""
    if GTUBE not in raw:
        return ()
    return (Sign("GTUBE", 1000.0, "The message has the string that tests spam filters."),)


def of_sample(sample: Sample, now_ms: int) -> list[Sign]:
    """Every sign in a message."""
    found = [sign for check in _TIMED if (sign := check(sample, now_ms)) is not None]
    found += [sign for check_plain in _CHECKS if (sign := check_plain(sample)) is not None]
    return found


def missing_date(sample: Sample, _now_ms: int) -> Sign | None:
    """RFC 5322 3.6: every message has a date."""
    if sample.headers.count(b"date"):
        return None
    return Sign("MISSING_DATE", 0.5, "The message has no Date.")


def bad_date(sample: Sample, _now_ms: int) -> Sign | None:
    """A date that nobody can read."""
    value = sample.headers.first(b"date")
    if value is None or date_ms(value) is not None:
        return None
    return Sign("BAD_DATE", 0.8, "The Date of the message cannot be read.")


def far_date(sample: Sample, now_ms: int) -> Sign | None:
    """A date that keeps a message on top of the list, or says that it lay somewhere for years."""
    at = date_ms(sample.headers.first(b"date"))
    if at is None:
        return None
    if at > now_ms + 2 * DAY_MS:
        return Sign("FUTURE_DATE", 1.8, "The Date of the message lies days in the future.")
    if at < now_ms - 365 * DAY_MS:
        return Sign("OLD_DATE", 0.6, "The Date of the message is more than a year old.")
    return None


def missing_message_id(sample: Sample) -> Sign | None:
    """RFC 5322 3.6.4: every message should have one."""
    if sample.headers.count(b"message-id"):
        return None
    return Sign("MISSING_MESSAGE_ID", 0.4, "The message has no Message-ID.")


def missing_from(sample: Sample) -> Sign | None:
    """Nobody says that they wrote it."""
    if sample.sender:
        return None
    return Sign("MISSING_FROM", 0.8, "The message does not say who wrote it.")


def several_from(sample: Sample) -> Sign | None:
    """RFC 5322 3.6: one From field; two are made so that two programs see two authors."""
    if sample.headers.count(b"from") < 2:
        return None
    return Sign("SEVERAL_FROM", 2.0, "The message has more than one From field.")


def missing_to(sample: Sample) -> Sign | None:
    """It does not say to whom it goes."""
    if sample.headers.count(b"to") or sample.headers.count(b"cc") or sample.headers.count(b"bcc"):
        return None
    return Sign("MISSING_TO", 0.2, "The message names no recipient.")


def name_shows_address(sample: Sample) -> Sign | None:
    """The sender's name is an address of somebody else."""
    for person in sample.sender[:5]:
        shown = _ADDRESS.search(person.name or "")
        if shown and hosts.site(shown[1].lower()) != hosts.site(_domain(person.address)):
            return Sign("FROM_NAME_ADDRESS", 2.0, "The sender's name shows an address of another domain than theirs.")
    return None


def reply_to_freemail(sample: Sample) -> Sign | None:
    """The answer goes to a free mailbox that is not the sender's."""
    senders = {_domain(person.address) for person in sample.sender}
    for person in sample.reply_to[:5]:
        domain = _domain(person.address)
        if senders and domain in FREEMAIL and domain not in senders:
            return Sign("REPLY_TO_FREEMAIL", 1.2, f"Answers would go to {domain}, which is not where this came from.")
    return None


def subject_capitals(sample: Sample) -> Sign | None:
    """The subject shouts."""
    letters = _LETTERS.findall(sample.subject)
    cased = [letter for letter in letters if letter.lower() != letter.upper()]
    if len(cased) < 12 or " " not in sample.subject.strip() or not all(letter.isupper() for letter in cased):
        return None
    return Sign("SUBJECT_CAPITALS", 0.8, "The subject is written in capitals alone.")


def undisclosed_bulk(sample: Sample) -> Sign | None:
    """It went to many, whom it hides."""
    to = (sample.headers.first(b"to") or b"").lower()
    precedence = (sample.headers.first(b"precedence") or b"").strip().lower()
    if b"undisclosed" not in to or precedence not in (b"bulk", b"junk") or sample.headers.count(b"list-id"):
        return None
    return Sign("UNDISCLOSED_BULK", 1.0, "The message calls itself bulk mail and hides its recipients.")


def invisible_text(sample: Sample) -> Sign | None:
    """Much of the text is there for filters alone. A short hidden preview is what every newsletter has."""
    hidden = sample.page.hidden_letters
    if hidden < 300 or hidden * 4 < len(sample.page.text):
        return None
    return Sign("INVISIBLE_TEXT", 1.5, "A large part of the text is made invisible.")


def link_mismatch(sample: Sample) -> Sign | None:
    """A link shows one site and leads to another, as those of newsletters do that count clicks and say how to leave."""
    for link in sample.page.links:
        shown, target = hosts.shown(link.shown), hosts.of_url(link.target)
        if shown and target and hosts.site(shown) != hosts.site(target):
            is_list = bool(sample.headers.count(b"list-unsubscribe"))
            return Sign("LINK_MISMATCH", 0.5 if is_list else 2.0, f"A link shows {shown} and leads to {target}.")
    return None


def address_link(sample: Sample) -> Sign | None:
    """A link leads to a number."""
    for host in sample.hosts:
        if hosts.is_address(host):
            return Sign("ADDRESS_LINK", 1.5, f"A link leads to the bare address {host}.")
    return None


def mixed_script_link(sample: Sample) -> Sign | None:
    """A link leads to a name that looks like another."""
    for host in sample.hosts:
        if "xn--" in host and hosts.mixes_scripts(host):
            return Sign("MIXED_SCRIPT_LINK", 2.5, f"A link leads to {host}, which mixes letters that look alike.")
    return None


def shortener_only(sample: Sample) -> Sign | None:
    """Hardly any text, and a link that hides where it leads."""
    if not sample.hosts or any(host not in SHORTENERS for host in sample.hosts) or len(sample.words) > 300:
        return None
    return Sign("SHORTENER_ONLY", 1.5, f"The message is little more than a link by {sample.hosts[0]}.")


def executable(sample: Sample) -> Sign | None:
    """An attachment that a click runs."""
    for name in sample.files:
        ending = name.rstrip(" .").rpartition(".")[2].lower()
        if "." in name and ending in _EXECUTABLE:
            return Sign("EXECUTABLE", 3.0, f"An attachment is a program (.{ending}).")
    return None


def double_extension(sample: Sample) -> Sign | None:
    """A program whose name plays a document."""
    for name in sample.files:
        found = _DOUBLE.search(name.rstrip(" .").lower())
        if found and found[1] in _EXECUTABLE:
            return Sign("DOUBLE_EXTENSION", 2.5, "An attachment is a program with the name of a document.")
    return None


def picture_only(sample: Sample) -> Sign | None:
    """One picture instead of words."""
    if not sample.has_html or sample.text.strip() or not sample.page.images:
        return None
    if len(sample.page.text.strip()) > 60 or sample.page.images > 2:
        return None
    return Sign("PICTURE_ONLY", 1.5, "The message is a picture with hardly any text.")


def needless_base64(sample: Sample) -> Sign | None:
    """Plain English that was wrapped so that it cannot be read on the way."""
    if not sample.is_ascii_in_base64:
        return None
    return Sign("NEEDLESS_BASE64", 0.5, "Plain ASCII text is wrapped into base 64.")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


_TIMED: tuple[Callable[[Sample, int], Sign | None], ...] = (missing_date, bad_date, far_date)
_CHECKS: tuple[Callable[[Sample], Sign | None], ...] = (
    missing_message_id, missing_from, several_from, missing_to, name_shows_address, reply_to_freemail,
    subject_capitals, undisclosed_bulk, invisible_text, link_mismatch, address_link, mixed_script_link, shortener_only,
    executable, double_extension, picture_only, needless_base64,
)  # fmt: skip
