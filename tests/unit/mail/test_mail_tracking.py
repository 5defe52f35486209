"""Links of HTML that lead elsewhere, and nothing else that changes."""

import html.parser
import time

import pytest

from mailserver.mail import tracking


def changed(source, foot=""):
    return tracking.rewrite(source, lambda url: f"https://t.test/{len(url)}", foot)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('<a href="http://a.test/">', '<a href="https://t.test/14">'),
        ("<A\nCLASS=x\tHREF = 'HTTPS://a.test/'>", '<A\nCLASS=x\tHREF = "https://t.test/15">'),
        ("<a href=http://a.test/>x", '<a href="https://t.test/14">x'),
        ("<area/href=http://a.test/b title=x>", '<area/href="https://t.test/15" title=x>'),
        ('<a title="a > b" href=" http://a.test/ ">', '<a title="a > b" href="https://t.test/14">'),
        ('<a href="http://a.test/" href="http://b.test/">', '<a href="https://t.test/14" href="http://b.test/">'),
        ('<a href="ht&#116;p&#58;//a.test/">', '<a href="https://t.test/14">'),
        ('<a href="ht\ntp://a.test/">', '<a href="https://t.test/14">'),
    ],
)
def test_links_to_the_web_are_changed(source, wanted):
    assert changed(source) == wanted


@pytest.mark.parametrize(
    "source",
    [
        '<a href="mailto:a@b.test">', '<a href="#top">', '<a href="/page">', '<a href="javascript:x">', '<a name="x">',
        '<!-- <a href="http://a.test/"> -->', '<script>"<a href=http://a.test/>"</script>', "<a href>", "<a href=",
        '<style><a href="http://a.test/"></style>', '<title><a href="http://a.test/"></title>', "<a", "<", "</",
        '<![CDATA[ <a href="ftp://a.test/"> ]]>', '<img src="http://a.test/x.png">', '<link href="http://a.test/">',
        '<p title=\'<a href="http://a.test/">\'>', '<a href="http://a.test/', "a < b > c", '</a href="http://a.test/">',
        '<plaintext><a href="http://a.test/">', '<abbr href="http://a.test/">', "<a href=\"http://a.test/'>",
        f'<a href="http://a.test/{"x" * 9000}">',
    ],
)  # fmt: skip
def test_everything_else_stays_letter_for_letter(source):
    assert changed(source) == source


def read(source):
    found = []
    tracking.rewrite(source, lambda url: found.append(url), "")
    return found


def test_an_address_is_read_as_browsers_read_it():
    assert read('<a href="http://a.test/?a=1&amp;b=2&copy=3&notit;&lt">') == ["http://a.test/?a=1&b=2&copy=3&notit;<"]
    assert tracking.location("http://a.test/ä b\r\nX: y") == "http://a.test/%C3%A4%20b%0D%0AX:%20y"
    assert tracking.location("http://a.test/%C3?a=b&c#d") == "http://a.test/%C3?a=b&c#d"


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<p>x</p>", "<p>x</p>!"),
        ("<body><p>x</p></BODY ></html>", "<body><p>x</p>!</BODY ></html>"),
        ("<!-- </body> --><p>x</body>", "<!-- </body> --><p>x!</body>"),
        ("x<!-- open", "x!<!-- open"),
        ("x<style>p{}", "x!<style>p{}"),
        ('x<a href="open', 'x!<a href="open'),
        ("</body>late", "!</body>late"),
        ("", "!"),
    ],
)
def test_a_foot_stands_where_it_is_seen(source, wanted):
    assert changed(source, "!") == wanted


def test_a_foot_before_links_and_behind_them_is_one():
    source = '<a href="http://a.test/"></body><a href="http://b.test/">'
    assert changed(source, "!") == '<a href="https://t.test/14">!</body><a href="https://t.test/14">'


class Links(html.parser.HTMLParser):
    """What another reader finds."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href"][:1]


def test_what_replaces_a_link_cannot_break_out_of_it():
    other = Links()
    other.feed(tracking.rewrite("<a href=http://a.test/>x", lambda _: 'https://t.test/"><b>&amp;', ""))
    assert other.found == ['https://t.test/"><b>&amp;']


@pytest.mark.parametrize(
    "piece",
    ['<a href="', "<a ", "<!--", "<script>", "</script", "&amp", "<", "<a x", "<title>", "<style></style>", "</body>",
     "<a href=http://a.test/>", '<a href="&a', "<!-->", "</ ", "<a/", "\0<a\0", "<?", "<a href='http://a' ="],
)  # fmt: skip
def test_hostile_html_takes_time_in_proportion_to_its_length(piece):
    source = piece * (500_000 // len(piece))
    started = time.process_time()
    changed(source, "!")
    assert time.process_time() - started < 5
