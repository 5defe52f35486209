import time
from pathlib import Path

import pytest

from mailserver.mail import quoting

VECTORS = Path(__file__).parents[2] / "vectors" / "reply-zapier" / "test" / "emails"


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        (
            "correct_sig",
            "this is an email with a correct -- signature.",
            "this is an email with a correct -- signature.",
        ),
        (
            "email_1_4",
            "Awesome! I haven't had another problem with it.",
            "Awesome! I haven't had another problem with it.",
        ),
        ("email_1_6", "I get proper rendering as well.", "Sent from a magnificent torch of pixels"),
        ("email_1_7", ":+1:", ":+1:"),
        ("email_1_8", "I will reply under this one", "and under this."),
        ("email_2_1", "Outlook with a reply", "Outlook with a reply"),
        ("email_2_2", "Outlook with a reply directly above line", "Outlook with a reply directly above line"),
        (
            "email_2_3",
            "Outlook with a reply above headers using unusual format",
            "Outlook with a reply above headers using unusual format",
        ),
        ("email_BlackBerry", "Here is another email", "Here is another email"),
        (
            "email_gmail",
            "This is a test for inbox replying to a github message.",
            "This is a test for inbox replying to a github message.",
        ),
        ("email_headers_no_delimiter", "And another reply!", "And another reply!"),
        ("email_iPhone", "Here is another email", "Here is another email"),
        ("email_sig_delimiter_in_middle_of_line", "Hi there!", "kthxbai"),
        (
            "pathological",
            "I think you're onto something. I will try to fix the problem as soon as I",
            "get back to a computer.",
        ),
    ],
)
def test_the_new_text_of_a_reply_is_found(name, first, last):
    lines = quoting.extract_text((VECTORS / f"{name}.txt").read_text("utf-8", "replace")).split("\n")
    assert (lines[0].strip(), lines[-1].strip()) == (first, last)


@pytest.mark.parametrize(
    "announcement",
    [
        "On Mon, Jan 1, 2024 at 10:00 AM, Al <a@b.test> wrote:",
        "On Mon, Jan 1, 2024 at 10:00 AM, Al\n<a@b.test> wrote:",
        "Am 1. Januar 2024 um 10:00 schrieb Al <a@b.test>:",
        "Le lun. 1 janv. 2024 à 10:00, Al <a@b.test> a écrit :",
        "Il giorno lun 1 gen 2024 alle ore 10:00 Al <a@b.test> ha scritto:",
        "pon., 1 sty 2024 o 10:00 Al <a@b.test> napisał(a):",
        "Al <a@b.test> kirjoitti:",
    ],
)
def test_the_line_before_a_quotation_goes_with_it(announcement):
    assert quoting.extract_text(f"New text\n\n{announcement}\n\n> old\n> text\n") == "New text"


def test_text_below_a_quotation_is_kept():
    text = "On Mon, Jan 1, 2024 at 10:00 AM, Al <a@b.test> wrote:\n> hi\n> there\n\nMy answer\n\n-- \nBob\n"
    assert quoting.extract_text(text) == "My answer"


def test_a_message_of_quotation_alone_stays():
    assert quoting.extract_text("> only\n> this\n") == "> only\n> this"
    assert quoting.extract_text("") == ""


def test_html_loses_its_quotation():
    html = (
        "<div>new</div><div class='gmail_quote'>On Mon, Jan 1, 2024 at 10:00 AM, Al &lt;a@b.test&gt; wrote:<br>"
        "<blockquote>old</blockquote></div>"
    )
    assert quoting.extract_html(html) == "<div>new</div>"
    assert quoting.extract_html("<p>plain</p>") == "<p>plain</p>"
    assert quoting.extract_html("") == ""


@pytest.mark.parametrize(
    "piece",
    ["> a\n", ">", "On a wrote:\n", "On ", "-- \n", "From: x\n", "a b c\n", "\n", "<div>", "<blockquote>", "</p>"],
)
def test_no_text_takes_long(piece):
    text = piece * (400_000 // len(piece))
    started = time.process_time()
    quoting.extract_text(text)
    quoting.extract_html(text)
    quoting.extract_html(text[:200_000])
    assert time.process_time() - started < 6
