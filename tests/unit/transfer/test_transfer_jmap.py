"""A JMAP account that is read: what is said to whom."""

import pytest

from mailserver.fetch import Fetched, FetchFailed
from mailserver.transfer.jmap_source import Account, JmapSource
from mailserver.transfer.source import Dropped, NoSource, Unreachable, WrongPassword

HERE = "https://jmap.remote.test/.well-known/jmap"


class Web:
    """Answers every request with the same."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    async def get(self, url, *, headers, **_):
        self.asked.append((url, headers["Authorization"]))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://elsewhere.test/jmap", "https://elsewhere.test/jmap"),
        ("/jmap/session", "https://jmap.remote.test/jmap/session"),
    ],
)
async def test_a_redirect_is_told_and_the_password_not_sent_to_where_it_leads(status, location, target):
    web = Web(Fetched(status, "", {"location": location}, b""))
    with pytest.raises(NoSource, match=f"session is at {target};"):
        await JmapSource(Account(HERE, "anna", "secret"), web).folders()
    assert [url for url, _ in web.asked] == [HERE]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Fetched(401, "text/plain", {}, b"no"), WrongPassword),
        (Fetched(200, "text/html", {}, b"<html>"), NoSource),
        (Fetched(200, "application/json", {}, b"[]"), NoSource),
        (Fetched(200, "application/json", {}, b'{"primaryAccounts": {}}'), NoSource),
        (Fetched(503, "text/plain", {}, b""), Dropped),
        (FetchFailed("Cannot connect to jmap.remote.test"), Unreachable),
    ],
)
async def test_what_is_no_session_is_said_by_its_kind(answer, problem):
    with pytest.raises(problem):
        await JmapSource(Account(HERE, "anna", "secret"), Web(answer)).session()
