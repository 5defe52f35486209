import asyncio
import gzip

import pytest
from aiohttp import web

from mailserver.fetch import CertificateRejected, Fetch, FetchFailed
from mailserver.mail.resolver import LookupFailed
from tests.support.certificates import Authority

HERE = {"web.test": ("127.0.0.1",), "other.test": ("127.0.0.1",)}


class Names:
    def __init__(self, hosts=None):
        self.hosts, self.asked = hosts or HERE, []

    async def addresses(self, host):
        self.asked.append(host)
        found = self.hosts.get(host, ())
        if found is None:
            raise LookupFailed(host)
        return found


class Site:
    """A web server that answers as told: path to a function of the request."""

    def __init__(self, context=None):
        self.context, self.answers, self.requests, self.port = context, {}, [], 0

    async def __aenter__(self):
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.context)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc):
        await self._runner.cleanup()

    async def _answer(self, request):
        self.requests.append((request.method, request.host, request.path, dict(request.headers), await request.read()))
        return await self.answers[request.path](request)


def says(**response):
    async def answer(request):
        return web.Response(**response)

    return answer


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def site():
    async with Site() as one:
        yield one


@pytest.fixture
async def secure(authority):
    async with Site(authority.server("web.test")) as one:
        yield one


@pytest.fixture
async def fetch():
    async with Fetch(Names(), allow_private=True) as one:
        yield one


async def refusal(fetch, url, **more):
    with pytest.raises(FetchFailed) as caught:
        await fetch.get(url, **more)
    return str(caught.value)


async def test_an_answer_comes_whole(fetch, site):
    site.answers["/a"] = says(text="Grüße", status=404, headers={"X-One": "1"})
    got = await fetch.get(f"http://web.test:{site.port}/a", https_only=False)
    assert (got.status, got.content_type, got.body) == (404, "text/plain", "Grüße".encode())
    assert got.headers["x-one"] == "1"
    method, host, _, headers, _ = site.requests[0]
    assert (method, host) == ("GET", f"web.test:{site.port}")
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"].startswith("mailserver/")


async def test_a_body_is_posted_and_no_redirect_followed(fetch, site):
    site.answers["/hook"] = says(status=307, headers={"Location": "/elsewhere"})
    url = f"http://web.test:{site.port}/hook"
    got = await fetch.post(url, b'{"a":1}', headers={"Content-Type": "application/json"}, https_only=False)
    assert got.status == 307
    assert [(one[0], one[2], one[4]) for one in site.requests] == [("POST", "/hook", b'{"a":1}')]
    assert site.requests[0][3]["Content-Type"] == "application/json"


async def test_the_certificate_has_to_name_the_host(fetch, secure, authority):
    secure.answers["/"] = says(text="private")
    trust = authority.path
    got = await fetch.get("https://web.test/", port=secure.port, trust=trust)
    assert got.body == b"private"
    with pytest.raises(CertificateRejected, match=r"web\.test"):
        await fetch.get("https://web.test/", port=secure.port)  # nobody here knows that authority
    with pytest.raises(CertificateRejected, match=r"other\.test"):
        await fetch.get("https://other.test/", port=secure.port, trust=trust)


async def test_an_expired_certificate_is_rejected(fetch, authority):
    async with Site(authority.server("web.test", days=-1)) as expired:
        with pytest.raises(CertificateRejected, match="expired"):
            await fetch.get("https://web.test/", port=expired.port, trust=authority.path)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.1.1", "169.254.169.254", "100.64.1.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0"],
)
async def test_what_a_stranger_chose_leads_nowhere_private_by_name_or_by_address(site, address):
    site.answers["/"] = says(text="secret")
    names = Names({"web.test": (address,)})
    literal = f"[{address}]" if ":" in address else address
    async with Fetch(names) as fetch:
        for url in ("http://web.test/", f"http://{literal}/"):
            assert "no public address" in await refusal(fetch, url, https_only=False, port=site.port)
    assert names.asked == ["web.test"]
    assert site.requests == []


async def test_of_several_addresses_only_the_public_ones_are_left():
    async with Fetch(Names({"web.test": ("10.0.0.1", "8.8.8.8", "::1")})) as fetch:
        found = await fetch._resolvers[False].resolve("web.test", 443, 0)
    assert [one["host"] for one in found] == ["8.8.8.8"]


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "\uff11\uff12\uff17.0.0.1",
        "127.0.0.1.",
        "localhost",
        "0x7f.1",
    ],
)
async def test_no_spelling_of_loopback_passes(site, host):
    site.answers["/"] = says(text="secret")
    async with Fetch(Names()) as fetch:
        await refusal(fetch, f"http://{host}/", https_only=False, port=site.port)
    assert site.requests == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://web.test/", "HTTPS"),
        ("ftp://web.test/", "HTTPS"),
        ("file:///etc/passwd", "HTTPS"),
        ("https:///path", "HTTPS"),
        ("nonsense", "HTTPS"),
        ("https://user:pass@web.test/", "user name"),
        ("https://web.test:25/", "port 25"),
        ("https://web.test:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://web.test/" + "a" * 2100, "longer than 2048"),
    ],
)
async def test_what_is_no_url_to_ask_says_why(url, sentence):
    async with Fetch(Names()) as fetch:
        assert sentence in await refusal(fetch, url)


async def test_the_operator_may_ask_anything(site):
    site.answers["/"] = says(text="rspamd")
    async with Fetch(Names()) as fetch:
        for host in ("127.0.0.1", "web.test", "localhost"):
            got = await fetch.get(f"http://{host}:{site.port}/", https_only=False, trusted=True)
            assert got.body == b"rspamd"


async def test_redirects_are_followed_only_where_wanted_and_each_is_checked(fetch, site):
    site.answers["/a"] = says(status=302, headers={"Location": "/b"})
    site.answers["/b"] = says(text="there")
    site.answers["/out"] = says(status=302, headers={"Location": "http://user@web.test/"})
    site.answers["/loop"] = says(status=301, headers={"Location": "/loop"})
    base = f"http://web.test:{site.port}"
    assert (await fetch.get(f"{base}/a", https_only=False)).status == 302
    assert (await fetch.get(f"{base}/a", https_only=False, redirects=1)).body == b"there"
    assert "user name" in await refusal(fetch, f"{base}/out", https_only=False, redirects=3)
    assert "more than 2 times" in await refusal(fetch, f"{base}/loop", https_only=False, redirects=2)


async def test_a_redirect_does_not_lead_from_https_to_http(fetch, secure, authority):
    secure.answers["/"] = says(status=302, headers={"Location": "http://web.test/"})
    text = await refusal(fetch, "https://web.test/", port=secure.port, trust=authority.path, redirects=1)
    assert "HTTPS" in text


async def test_a_long_answer_is_cut_off(fetch, site):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 65_536)
        return response

    site.answers["/endless"] = endless
    site.answers["/exact"] = says(body=b"x" * 1000)
    base = f"http://web.test:{site.port}"
    assert "longer than 1000 bytes" in await refusal(fetch, f"{base}/endless", https_only=False, limit_bytes=1000)
    assert len((await fetch.get(f"{base}/exact", https_only=False, limit_bytes=1000)).body) == 1000


async def test_a_slow_answer_is_given_up(fetch, site):
    async def slow(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.05)

    site.answers["/"] = slow
    started_at = asyncio.get_running_loop().time()
    text = await refusal(fetch, f"http://web.test:{site.port}/", https_only=False, timeout_seconds=0.4)
    assert "longer than 0.4 seconds" in text
    assert asyncio.get_running_loop().time() - started_at < 30


async def test_a_compressed_answer_that_nobody_asked_for_is_refused(fetch, site):
    bomb = gzip.compress(b"\0" * 10_000_000)
    site.answers["/"] = says(body=bomb, headers={"Content-Encoding": "gzip"})
    assert "compressed" in await refusal(fetch, f"http://web.test:{site.port}/", https_only=False)


async def test_no_cookie_is_kept(fetch, site):
    site.answers["/"] = says(text="x", headers={"Set-Cookie": "a=1"})
    for _ in range(2):
        await fetch.get(f"http://web.test:{site.port}/", https_only=False)
    assert "Cookie" not in site.requests[1][3]


async def test_trouble_is_told_in_sentences(fetch, site):
    async with Fetch(Names({"bad.test": None, "none.test": ()}), allow_private=True) as other:
        assert await refusal(other, "https://bad.test/") == "DNS gave no answer about bad.test"
        assert await refusal(other, "https://none.test/") == "none.test has no address"
    assert (await refusal(fetch, "https://web.test/", port=1)).startswith("Cannot connect to web.test: ")

    async def garbage(reader, writer):
        writer.write(b"nonsense\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(garbage, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert "no answer that can be read" in await refusal(fetch, f"http://web.test:{port}/", https_only=False)
    server.close()


async def test_header_values_end_no_line(fetch, site):
    site.answers["/"] = says(text="x")
    await_it = refusal(fetch, f"http://web.test:{site.port}/", https_only=False, headers={"X-A": "b\r\nX-C: d"})
    assert await await_it
    assert site.requests == []
