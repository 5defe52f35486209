"""The words that mail programs put around a quotation, a forwarded message and a signature, in many languages."""

import re
from collections.abc import Sequence
from enum import StrEnum

_LONGEST = 700  # an announcement of three wrapped lines
_BLOCK_LINES = 12  # a head with long lists of recipients, wrapped
_CONTINUED = 3
_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c"  # Gmail puts them around its Hebrew and Arabic

_WROTE = re.compile(
    r"\b(?:wrote|writes|schrieb|geschrieben|schreef|geschreven|skrev|skrifaði|pisze|yazdı|írta|kirjoitti"  # noqa: RUF001 - Turkish
    r"|a écrit|a scris|escribió|escreveu|va escriure|ha scritto|пишет|έγραψε)\b"
    r"|\b(?:napisał|napsal|написал"
    r"|написав)(?:\(?[aаo]\)?)?(?!\w)"  # noqa: RUF001 - the endings are Latin and Cyrillic
    r"|写道|寫道|のメール|のメッセージ|書きました|님이 작성|작성",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d[:.h時시点]\s?\d")
_YEAR = re.compile(r"(?:19|20)\d\d|\d{1,2}[/.-]\d{1,2}[/.-]\d{2}")
_OPENING = re.compile(
    r"(?:on|am|le|il|el|em|op|den|dne|dnia|w dniu|a|στις|в|-{2,}\s*(?:on|am|le))\b.{0,90}\d"
    r"|wiadomość napisana przez\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?…。]\s*$")

_ADDRESS_WROTE = re.compile(
    r"<[^<>@\s]{1,64}@[^<>@\s]{1,255}> (?:wrote|schrieb|a écrit|escribió|escreveu|ha scritto) ?:"
)
_ORIGINAL = re.compile(
    r"[-_=*]{2,}\s{0,5}(?:(?:the )?original(?: message| appointment| email)?|replied message"
    r"|(?:ursprüngliche|originale?) ?nachricht|original-nachricht"
    r"|message (?:d['’]origine|original|initial)|mensaje original|mensagem original"  # noqa: RUF001 - typographic
    r"|messaggio originale|oorspronkelijk bericht|origineel bericht|ursprungligt meddelande|originalmeddelande"
    r"|(?:den )?oprindelige? (?:meddelelse|besked)|original(?:melding|meddelelse)|opprinnelig melding"
    r"|oryginalna wiadomość|wiadomość oryginalna|původní zpráva|alkuperäinen viesti|eredeti üzenet|özgün ileti"
    r"|исходное сообщение|оригінальне повідомлення|元のメッセージ|original メッセージ"
    r"|原始邮件|原始郵件|回复的原邮件|원본 메일|원본 메시지)\s{0,5}[-_=*]{2,}",
    re.IGNORECASE,
)
_FORWARDED = (
    r"(?:forwarded message|forwarded by .{1,80}|weitergeleitete nachricht|message transféré|message transmis"
    r"|mensaje reenviado"
    r"|mensagem (?:encaminhada|reencaminhada)|messaggio (?:inoltrato|in inoltro)|doorgestuurd bericht"
    r"|forwarded bericht"
    r"|vidarebefordrat (?:meddelande|brev)|videresendt (?:meddelelse|melding|e-mail)"
    r"|(?:treść )?przekazan(?:a|ej|y) (?:wiadomość|wiadomości|dalej)|wiadomość przekazana dalej"
    r"|přeposlaná zpráva|välitetty viesti|továbbított üzenet"
    r"|пересылаемое сообщение|пересланное сообщение|перенаправлене повідомлення|転送メッセージ|转发的邮件"
    r"|转发邮件信息|轉寄郵件|已轉寄的郵件|전달된 메일|전달된 메시지|iletilmiş ileti|yönlendirilen ileti)"
)
_BEGINNING = (
    r"(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)|début du message (?:réexpédié"
    r"|transféré)"
    r"|inicio del mensaje reenviado|início da mensagem (?:re)?encaminhada|inizio messaggio inoltrato"
    r"|begin doorgestuurd bericht"
    r"|vidarebefordrat brev|rozpoczęcie przekazywanej wiadomości"
    r"|начало переадресованного сообщения|転送されたメッセージ"
    r"|下面是被转发的邮件|开始转发的邮件|videresendt besked|välitetty viesti alkaa)"
)
_FORWARD = re.compile(
    rf"[-_=*]{{2,}}\s{{0,5}}{_FORWARDED}\s{{0,5}}:?[-_=*]{{2,}}|>?\s?{_BEGINNING}\s?[:\uff1a]", re.IGNORECASE
)
_FORWARD_SUBJECT = re.compile(
    r"\s*(?:\[[^]]{1,40}\]\s*)?(?:fwd?|wg|tr|rv|enc|res?env|i|doorst|vb|vidarebef|pd|fs|转发|轉寄|転送)\s?[:\uff1a]",
    re.IGNORECASE,
)

_ANSWER_SUBJECT = re.compile(
    r"\s*(?:\[[^]]{1,40}\]\s*)?(?:re(?:\[\d{1,3}\])?|aw|antw(?:ort)?|sv|vs|odp|rép|ref|r|ynt|回复|答复|回覆|返信)\s?[:\uff1a]",
    re.IGNORECASE,
)


class Field(StrEnum):
    """What a line of a quoted head tells."""

    FROM = "from"
    DATE = "date"
    TO = "to"
    SUBJECT = "subject"
    OTHER = "other"


_FIELDS = {
    Field.FROM: "from|von|de|da|van|från|fra|od|от|от кого|від|lähettäjä|feladó|kimden|gönderen|expéditeur|remitente"
    "|remetente|mittente|afzender|avsändare|nadawca|отправитель|差出人|送信元|发件人|寄件者|보낸 사람|보낸사람",
    Field.DATE: "date|sent|datum|gesendet|gesendet am|envoyé|envoyé le|enviado|enviado el|enviado em|enviada em"
    "|enviada|enviadas"
    "|data|data invio|inviato|verzonden|verzonden op|skickat|dato|sendt|wysłano|wysłane|data wysłania|отправлено|дата"
    "|fecha|odesláno|päivämäärä|lähetetty|elküldve|gönderildi|tarih|送信日時|日時|日付|送信|发送时间|发送日期|日期|時間|寄件日期"
    "|날짜|보낸 날짜",
    Field.TO: "to|an|à|a|para|aan|till|til|do|komu|кому|до|vastaanottaja|címzett|pour|destinataire|per"
    "|kime|alıcı"  # noqa: RUF001 - Turkish
    "|宛先|收件人|收件者|받는 사람|받는사람",
    Field.SUBJECT: "subject|betreff|objet|sujet|asunto|assunto|oggetto|onderwerp|ämne|emne|temat|тема|předmět"
    "|aihe|tárgy"
    "|konu|件名|主题|主旨|제목",
    Field.OTHER: "cc|kopie|kopia|copie|copia|cópia|копия|bcc|dw|reply-to|antwort an|répondre à|responder a|importance"
    "|priorität|wichtigkeit|attachments|anlagen|抄送|副本|참조|organisation|organization|list-id",
}
_KINDS = {name: kind for kind, names in _FIELDS.items() for name in names.split("|")}
_FIELD = re.compile(r"[*_\s]{0,4}([^\W\d_][\w \-]{0,24}?)[\s\xa0]?[*_]{0,2}[:\uff1a]")

_DEVICE = re.compile(
    r"(?:sent from (?:my|the all new|yahoo|outlook|mail for|proton|samsung|gmail|a mobile)\b"
    r"|sent (?:with|using) \[?(?:proton|the mobile mail app|spark|hey|airmail|shortwave)"
    r"|get \[?outlook for\b|yahoo mail: search, organize"
    r"|(?:hol(?:en)?|laden?) (?:sie |dir )*outlook für\b|obtenir outlook pour\b|télécharger outlook\b"
    r"|obtener outlook para\b"
    r"|obter o outlook para\b|scarica outlook per\b|outlook (?:voor|för|для|dla) \w"
    r"|von (?:meinem|unterwegs) .{0,40}gesendet|von meinem \w|gesendet (?:von|mit|über)\b"
    r"|diese nachricht wurde von meinem\b"
    r"|envoyé (?:de mon|depuis|à partir|avec)\b|enviado (?:desde|do meu|a partir do)\b"
    r"|inviat[oa] da\b|verzonden (?:vanaf|vanuit)\b|verstuurd vanaf\b"
    r"|skickat från\b|skickat med\b|sendt fra\b|lähetetty \w{2,20}(?:sta|stä|lta|ltä)\b|odesláno z\b"
    r"|wysłan[eoy] z\b|отправлено (?:с|из|от)\b|надіслано з\b|iphone'?umdan gönderildi"  # noqa: RUF001 - Cyrillic
    r"|\w{1,20}から送信|从我的 ?\w{1,20} ?发送|发自(?:我的|我的手机)?|傳送自我的|從我的"
    r"|나의 \w{1,20}에서 보냄).{0,120}",
    re.IGNORECASE,
)


def is_announcement(line: str, *, before_quotation: bool) -> bool:
    """Whether a line, unwrapped, says who wrote what follows and when.

    Before quoted lines a date with an address says enough, in any language (Gmail's Russian and Japanese have no verb).
    """
    line = line.strip()[:_LONGEST]
    if not ends_like_announcement(line) or not any(each.isdigit() or each == "@" for each in line):
        return False
    has_date, has_time = _YEAR.search(line) is not None, _TIME.search(line) is not None
    is_written = _WROTE.search(line) is not None
    if before_quotation:
        return ("@" in line and (has_date or is_written)) or (has_date and has_time) or (is_written and has_date)
    return is_written and ("@" in line or (has_date and has_time)) and not line[:-1].rstrip().endswith((",", ";"))


def begins_with_announcement(line: str) -> bool:
    """Whether the history goes on in the line that announces it, as Yahoo's programs for phones write."""
    found = _ADDRESS_WROTE.search(line[:_LONGEST])
    return found is not None and opens_announcement(line[: found.start()]) and _TIME.search(line) is not None


def is_bare_announcement(line: str) -> bool:
    """Whether a line names who wrote and no date: only `>` lines right below make that an announcement."""
    line = line.strip()
    return len(line) < 200 and ends_like_announcement(line) and _WROTE.search(line) is not None


def may_begin_history(line: str) -> bool:
    """Whether a line, stripped, is worth the dearer questions; most lines of a letter are not."""
    return (
        ends_like_announcement(line)
        or line.startswith(("--", "__", "==", "**"))
        or field(line) is not None
        or ("@" in line and ">" in line)
    )


def ends_like_announcement(line: str) -> bool:
    """Whether the end of a line leaves room for that; everything dearer is asked after this."""
    return line.rstrip(_DIRECTIONS).endswith((":", "\uff1a", "---", ":*", "wrote"))


def opens_announcement(line: str) -> bool:
    """Whether an announcement that is wrapped may begin with this line."""
    return len(line) < 120 and _OPENING.match(line) is not None and _SENTENCE.search(line) is None


def is_original(line: str) -> bool:
    """Whether this ruled line says that the message answered follows."""
    return len(line) < 100 and _ORIGINAL.fullmatch(line.strip()) is not None


def is_forward(line: str) -> bool:
    """Whether this line says that a message handed on follows, which is no quotation."""
    return len(line) < 160 and _FORWARD.fullmatch(line.strip()) is not None


def is_forward_subject(subject: str) -> bool:
    """Whether a subject says that the message hands another on."""
    return _FORWARD_SUBJECT.match(subject[:200]) is not None


def is_answer_subject(subject: str) -> bool:
    """Whether a subject says that the message answers another."""
    return _ANSWER_SUBJECT.match(subject[:200]) is not None


def is_device(line: str) -> bool:
    """Whether a line is what a program signs with by itself."""
    return len(line) < 240 and _DEVICE.fullmatch(line.strip().lstrip("*_ ")) is not None


def field(line: str) -> Field | None:
    """The field of a quoted head that a line begins."""
    found = _FIELD.match(line[:48])
    return _KINDS.get(" ".join(found[1].lower().split())) if found else None


def is_head(lines: Sequence[str]) -> bool:
    """Whether the lines begin with the head of the message answered, as Outlook and its like put it.

    Sender, subject and a date with a year or a time must be there: who writes `From: Berlin` wrote that himself.
    """
    first = field(lines[0])
    if first not in (Field.FROM, Field.DATE):
        return False
    found: set[Field] = set()
    continued = 0
    has_date = False
    for line in lines[:_BLOCK_LINES]:
        kind = field(line)
        if kind is None:
            continued += 1
            if not line.strip() or continued > _CONTINUED:
                break
            continue
        continued = 0
        found.add(kind)
        if kind is Field.DATE:
            has_date = _YEAR.search(line) is not None or _TIME.search(line) is not None
        if kind is Field.FROM and "\uff1a" in line[:12]:
            has_date = has_date or "@" in line
    return has_date and {Field.FROM, Field.DATE, Field.SUBJECT} <= found
