from pathlib import Path

import pytest

from mailserver.mail import quoting
from tests.support import cost

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


def test_an_answer_above_outlooks_head_is_all_that_is_new_and_a_forward_is_new_as_a_whole():
    text = "Noted.\n\nFrom: Al <a@b.test>\nSent: Monday, January 1, 2024 10:00 AM\nTo: B\nSubject: Rope\n\nOld"
    assert quoting.extract_text(text, "RE: Rope") == "Noted."
    assert quoting.extract_text(text, "FW: Rope") == text


def test_html_of_a_document_stays_a_document():
    html = "<html><body><p>new</p><blockquote type='cite'>old</blockquote></body></html>"
    assert quoting.extract_html(html) == "<html><head></head><body><p>new</p></body></html>"


def test_a_picture_alone_is_an_answer():
    html = "<div><img src='cid:a'></div><blockquote type='cite'>old</blockquote>"
    assert quoting.extract_html(html) == '<div><img src="cid:a"></div>'


MOST_SECONDS = 0.05
PIECES = [
    "> a\n", ">", ">\n", "On a wrote:\n", "On ", "-- \n", "From: x\n", "From: x\nSent: 2026 9:42\n", "a b c\n",
    "\n", ":", "On 1.1.2026 10:10 <a@b.test>:\n", "a <a@b.test> wrote: ", "1.1.2026 10:10 a@b:\n> x\n", "<div>",
    "<blockquote>", "</p>", "<blockquote type=cite>", "<blockquote type=cite></blockquote>",
    "<blockquote type=cite>x</blockquote>y 10:10:<br>", "<blockquote>On 1.1.2026 10:10 a@b wrote:</blockquote>",
    "<div>On 1.1.2026 10:10 a@b wrote:</div><blockquote>x</blockquote>", "<p>From: x</p>", "<b>From:</b>",
    "<div style='border-top:solid #E1E1E1'>From:</div>", "<div class=gmail_quote>", "<div class=gmail_quote></div>",
    "<div class=gmail_signature>", "<p></p>", "&nbsp;", "<i>", "<",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("size", [100_000, 450_000, 1_000_000])
def test_no_text_takes_long(piece, size):
    text = piece * (size // len(piece))
    assert cost.seconds(quoting.extract_text, text) <= MOST_SECONDS
    assert cost.seconds(quoting.extract_html, f"<p>new</p>{text}") <= MOST_SECONDS
