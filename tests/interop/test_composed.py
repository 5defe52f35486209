"""What we compose, as others read it: Python's own parser and mutt agree on structure, names and text.

Twelve languages, each with names, a subject longer than a line, both bodies, a picture and a file with its name.
"""

import asyncio
import email
import email.policy
import os
import re
import shutil
import subprocess
import time
import uuid

import aiohttp
import pytest

from tests.support.served import served
from tests.support.waiting import LONGEST_SECONDS

WORDS = {
    "English": ("Jane “Doc” O'Neil, Jr.", "Naïve question — is “it” done?", "Dear all,\n\nit's done.\n\nYours"),
    "German": ("Jürgen Großmann", "Größenordnung: Übergrößen für Straßenfußballschuhe", "Schöne Grüße aus Köln"),
    "French": ("Zoé Lefèvre", "Ça va être l'été où l'œuvre s'achève", "À bientôt, élève"),
    "Spanish": ("Íñigo Muñoz", "¿Mañana por la mañana? ¡Sí, señor!", "El año pasado comí piñas"),
    "Polish": ("Łukasz Żółć", "Zażółć gęślą jaźń w poniedziałek rano", "Do jutra, proszę pana"),
    "Russian": ("Анна Каренина", "Встреча в понедельник, в пятнадцать часов", "До свидания, до понедельника"),
    "Greek": ("Σωκράτης Ξένος", "Συνάντηση αύριο το πρωί στην Αθήνα", "Με εκτίμηση"),
    "Hebrew": ("דוד לוי", "פגישה מחר בבוקר במשרד הגדול שלנו", "להתראות מחר"),
    "Arabic": ("محمد علي", "اجتماع غدا صباحا في المكتب الكبير", "مع أطيب التحيات"),
    "Hindi": ("अनिता शर्मा", "कल सुबह की बैठक के बारे में जानकारी", "धन्यवाद और शुभकामनाएँ"),
    "Chinese": ("李小龙", "明天上午在北京开会的通知以及相关的材料请查收谢谢", "此致敬礼"),
    "Japanese": ("山田太郎", "明日の会議について、東京オフィスにお越しください", "よろしくお願いします\n.\nFrom here"),
}
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000")
LONGEST_LINE, WISHED_LINE = 998, 78  # RFC 5322 2.1.1


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def composed(site, name, subject, text):
    """Send by the API what a person would, and take the bytes that were stored for sending."""
    token, blobs = site.tokens["a1"], []
    files = ((PNG, f"{name}.png", "image/png"), (b"%PDF " + text.encode(), f"{subject}.pdf", "application/pdf"))
    for content, filename, kind in files:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("file", content, filename=filename, content_type=kind)
        answer = await site.call("POST", "/v1/messages/upload/", token, data=form)
        assert answer.status == 201, answer.content
        blobs.append({"blob_id": answer.json["blob_id"]})
    html = f"<p>{text}</p>" + "<b>x</b>" * 500  # one line, and a long one
    wanted = {
        "to": [{"email": "bob@remote.test", "name": name}],
        "cc": [{"email": "c@remote.test", "name": f"{name}, {name}"}],
        "reply_to": [{"email": "r@remote.test", "name": name}], "subject": subject, "text_body": text,
        "html_body": html, "attachments": blobs,
    }  # fmt: skip
    answer = await site.call("POST", "/v1/messages/", token, json=wanted)
    assert answer.status == 201, answer.content
    found = await site.house.services.messages.find(await site.house.caller(), answer.json["message_id"])
    return await site.house.services.messages.raw(found), html


def check_strictly(raw):
    """What RFC 5322 and RFC 2045 ask of every octet."""
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.isascii()
    assert raw.isascii()  # no server on the way needs 8BITMIME
    assert max(map(len, raw.split(b"\r\n"))) <= LONGEST_LINE
    for line in head.split(b"\r\n"):
        assert len(line) <= WISHED_LINE or b" " not in line.strip(), line
        assert re.match(rb"[!-9;-~]+: |[ \t]+\S", line), line
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    for once in (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"mime-version"):
        assert names.count(once) == 1, once
    assert body


def plain(text):
    return text.replace("\r\n", "\n").rstrip("\n")


@pytest.mark.parametrize("language", WORDS)
async def test_the_standard_library_reads_what_was_written(site, language):
    name, subject, text = WORDS[language]
    raw, html = await composed(site, name, subject, text)
    check_strictly(raw)
    found = email.message_from_bytes(raw, policy=email.policy.default)
    defects = [defect for part in found.walk() for defect in part.defects]
    assert defects == []
    assert found["subject"] == subject
    for field in ("to", "reply-to"):
        assert [each.display_name for each in found[field].addresses] == [name]
    (copied,) = found["cc"].addresses  # of two encoded words in a phrase it keeps the blank between them
    assert copied.display_name.replace(" ", "") == f"{name}, {name}".replace(" ", "")
    assert plain(found.get_body(("plain",)).get_content()) == plain(text)
    assert plain(found.get_body(("html",)).get_content()) == plain(html)
    files = {part.get_filename(): part.get_content() for part in found.iter_attachments()}
    assert files == {f"{name}.png".replace("“", "“"): PNG, f"{subject}.pdf": b"%PDF " + text.encode()}


@pytest.mark.skipif(not shutil.which("mutt") or not shutil.which("tmux"), reason="mutt or tmux is not installed")
@pytest.mark.parametrize("language", WORDS)
async def test_mutt_shows_what_was_written(site, tmp_path, language):
    name, subject, text = WORDS[language]
    raw, _ = await composed(site, name, subject, text)
    shown = await asyncio.to_thread(by_mutt, tmp_path, raw)
    headers, _, body = shown.partition("\n\n")
    headers = re.sub(r"\n[ \t]+", " ", headers)
    assert f"Subject: {subject}" in headers, shown
    assert name.split()[0].strip('"') in headers
    for line in filter(None, text.split("\n")):
        assert line in body


def by_mutt(directory, raw):
    """A message as mutt decodes it for reading."""
    box, out, rules = directory / "box", directory / "out.txt", directory / "muttrc"
    for folder in ("cur", "new", "tmp"):
        (box / folder).mkdir(parents=True)
    (box / "cur" / "1:2,S").write_bytes(raw)
    rules.write_text(
        "set mbox_type=Maildir\nset charset=utf-8\nset pipe_decode=yes\nset wait_key=no\nset mail_check=600\n"
        "unignore *\nset quit=yes\n"
        f'push "<pipe-message>cat > {out}.part && mv {out}.part {out}<enter><quit>"\n'
    )
    session = f"mutt{uuid.uuid4().hex[:8]}"
    command = f"mutt -n -F {rules} -R -f {box}"
    environment = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    subprocess.run(
        ["tmux", "-u", "-L", session, "new-session", "-d", "-x", "200", "-y", "50", "-s", session, command],
        check=True, env=environment,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not out.exists():
            assert time.monotonic() < deadline, "mutt wrote nothing"
            time.sleep(0.05)
        return out.read_text()
    finally:
        subprocess.run(["tmux", "-L", session, "kill-server"], check=False, capture_output=True)
