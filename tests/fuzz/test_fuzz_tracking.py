"""HTML put together at random: another reader of HTML finds the links that are changed, and nothing else is touched."""

import random

from selectolax.lexbor import LexborHTMLParser

from mailserver.mail import tracking

PIECES = [
    "<a href=", '"http://a.test/1"', "'https://b.test/2'", "http://c.test/3", ">", "</a>", "<p>", "</p>", "<!--", "-->",
    "--!>", "<script>", "</script>", "<style>", "</style >", "<title>", "</title/>", "text", " ", '"', "'", "=", "/",
    "<", "</", "<!", "<?", "&amp;", "&#104;", "<area href=", "<b title='", "<A HREF =", "\n", "<textarea>",
    "</textarea>", '<a href="http://a.test/4">', "<area href='https://b.test/5'/>", "<!doctype html>",
    "<![CDATA[", "]]>", "</body>", "</html>", "<br/>", "<a", " x=y", "é", "\0",
]  # fmt: skip
MARK = "https://track.test/"


def made(chance):
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 40)))


def followed(source):
    """The links to the web that another reader finds."""
    tree = LexborHTMLParser(f"<!doctype html><html><body>{source}")
    links = [(node.attributes["href"] or "").strip(" \t\r\n\f") for node in tree.css("a[href], area[href]")]
    return [link for link in links if tracking.is_followed(link)]


def test_nothing_changes_where_nothing_is_to_change():
    chance = random.Random(1)
    for _ in range(20_000):
        source = made(chance)
        assert tracking.rewrite(source, lambda _: None, "") == source
        assert tracking.rewrite(source, lambda _: None, "FOOT").replace("FOOT", "", 1) == source


def test_every_link_that_another_reader_finds_leads_elsewhere_and_no_other_is_made():
    chance = random.Random(2)
    found = 0
    for _ in range(20_000):
        source = made(chance)
        seen = []

        def replace(url, seen=seen):
            seen.append(url)
            return MARK

        after = tracking.rewrite(source, replace, "")
        links = followed(after)
        found += len(links)
        assert all(link == MARK for link in links), (source, after)
        assert len(followed(source)) == len(links), (source, after)
    assert found > 1000


def test_a_foot_is_seen_by_another_reader():
    chance = random.Random(3)
    for _ in range(20_000):
        source = made(chance)
        after = tracking.rewrite(source, lambda _: None, '<img src="https://track.test/dot">')
        tree = LexborHTMLParser(f"<!doctype html><html><body>{after}")
        assert tree.css_first('img[src="https://track.test/dot"]') is not None, (source, after)
