"""What the server says of itself, to programs and to builders of forms, without a login."""

import pytest

from tests.support.served import served


@pytest.fixture
async def site(tmp_path):
    async with served(tmp_path) as opened:
        yield opened


async def test_the_document_is_the_same_at_both_places(site):
    first = await site.call("GET", "/openapi.json")
    second = await site.call("GET", "/v1/reference/api/")
    assert first.status == second.status == 200
    assert first.json == second.json
    assert first.json["openapi"].startswith("3.")


@pytest.mark.parametrize("name", ["domains", "events", "alerts"])
async def test_builders_need_no_login(site, name):
    answer = await site.call("GET", f"/v1/{name}/reference/")
    assert answer.status == 200
    assert answer.json["resource"] == name


async def test_a_reader_finds_mail_first_and_every_page_named(site):
    document = (await site.call("GET", "/openapi.json")).json
    named = [tag["name"] for tag in document["tags"]]
    used = {tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]}
    assert set(named) == used
    assert len(named) == len(set(named))
    assert named[:2] == ["Gent: Messages", "Gent: Threads"]
    assert all(tag["description"] for tag in document["tags"])
