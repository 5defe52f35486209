"""The sentences of a letter: lines that a mail program broke are joined, greetings and good-byes left out."""

import re

MAX_TEXT = 20_000
MOST = 200
LONGEST = 400
_FULL_LINE = 50  # a line that is as long was broken by a program, not by its writer
_BULLET = re.compile(r"[ \t]{0,8}(?:[-*•\u2013]|\d{1,2}[.)])[ \t]{1,4}")
_BREAK = re.compile(r"(?<=[.!?…])[ \t\u00a0]+")
_SPACES = re.compile(r"[ \t\u00a0]+")
# What ends in a dot and ends no sentence.
_SHORT = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|no|nr|st|sr|sra|vs|etc|approx|ca|bzw|usw|inkl|zzgl|tel|art|e\.g|i\.e|z\.b|d\.h"
    r"|p\.ej|av|bd|m|mme|a\.m|p\.m)|\b[A-Z]|\b\d{1,2})\.$",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|hallo|guten (?:tag|morgen|abend)|liebe[rs]?|moin|servus"
    r"|sehr geehrte[rs]?|bonjour|bonsoir|salut|chère?s?|hola|buenos días|buenas (?:tardes|noches)|estimad[oa]s?"
    r"|querid[oa]s?)\b[^.!?]{0,60}[,.!:]?",
    re.IGNORECASE,
)
_GOODBYE = re.compile(
    r"(?:(?:many |kind |best |warm )?regards|best(?: wishes)?|cheers|sincerely|yours(?: \w{2,12})?|thanks(?: a lot)?"
    r"|thank you(?: very much)?|many thanks|thanks in advance|(?:mit )?(?:freundlichen|besten|vielen|lieben|viele"
    r"|liebe|beste|schöne) grüßen?|vielen dank|danke(?: schön)?|gruß|lg|mfg|vg|cordialement|bien (?:à vous|"
    r"cordialement)"
    r"|(?:mes )?(?:meilleures )?salutations|merci(?: beaucoup| d'avance)?|à bientôt|(?:un )?(?:cordial )?saludos?"
    r"(?: cordiales)?|atentamente|(?:muchas )?gracias|un abrazo)\b[^.!?]{0,40}[,.!]?",
    re.IGNORECASE,
)


def split(text: str) -> tuple[str, ...]:
    """The sentences of a text, at most two hundred, none longer than four hundred letters."""
    found: list[str] = []
    for paragraph in _paragraphs(text[:MAX_TEXT].replace("\u2019", "'")):
        for sentence in _of_paragraph(paragraph):
            plain = sentence.strip()[:LONGEST].strip()
            if len(plain) < 2 or not any(letter.isalpha() for letter in plain) or is_courtesy(plain):
                continue
            found.append(plain)
            if len(found) >= MOST:
                return tuple(found)
    return tuple(found)


def is_courtesy(sentence: str) -> bool:
    """Whether a sentence is nothing but a greeting or a good-bye."""
    if len(sentence) > 100:
        return False
    return _GREETING.fullmatch(sentence) is not None or _GOODBYE.fullmatch(sentence) is not None


def _paragraphs(text: str) -> list[str]:
    """Lines joined where a program broke them."""
    found: list[str] = []
    is_open = False
    for line in text.splitlines():
        plain = _SPACES.sub(" ", line).strip()
        if not plain:
            is_open = False
            continue
        if is_open and not _BULLET.match(line):
            found[-1] += f" {plain}"
        else:
            found.append(_BULLET.sub("", plain, count=1) if _BULLET.match(plain + " ") else plain)
        is_open = len(plain) >= _FULL_LINE
    return found


def _of_paragraph(paragraph: str) -> list[str]:
    pieces = _BREAK.split(paragraph)
    joined: list[str] = []
    for piece in pieces:
        if joined and _SHORT.search(joined[-1][-12:]):
            joined[-1] += f" {piece}"
        else:
            joined.append(piece)
    return joined
