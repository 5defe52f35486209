"""The signature of an inbox below what it sends by the API."""

import html as entities

from mailserver.entities.inbox import InboxSettings

MARK = "\n\n-- \n"  # RFC 3676 4.3: what mail programs know a signature by


def sign(text: str | None, html: str | None, chosen: InboxSettings) -> tuple[str | None, str | None]:
    """Both bodies with the signature below them; a signature without HTML stands in HTML as it is written."""
    if text is not None and chosen.signature_text:
        text = text.rstrip("\r\n") + MARK + chosen.signature_text
    written = chosen.signature_html
    if written is None and chosen.signature_text:
        written = entities.escape(chosen.signature_text).replace("\n", "<br>\n")
    if html is not None and written:
        block = f'\n<div class="signature">-- <br>\n{written}</div>\n'
        end = html.lower().rfind("</body")
        html = html + block if end < 0 else html[:end] + block + html[end:]
    return text, html
