"""The served document and live answers, held against what the API documents say."""

import copy

import openapi_spec_validator
import pytest
import pytest_asyncio

from tests.support import facts
from tests.support.scene import scene

NAMES = [f"{each['method']} {each['path']}" for each in facts.ENDPOINTS]
# Stages are dear: one is for everything that is refused and so changes nothing, one for each kind of valid request.
# Whatever takes things away comes last, parts before the whole.
IN_TURN = sorted(facts.ENDPOINTS, key=lambda each: (each["method"] == "DELETE", -each["path"].count("/")))
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory):
    """For those who ask and are refused."""
    async with scene(tmp_path_factory.mktemp("stage")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answering(tmp_path_factory):
    """For one valid request of each endpoint."""
    async with scene(tmp_path_factory.mktemp("answering")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory):
    """For one request of each endpoint by whoever has its scope, and no other."""
    async with scene(tmp_path_factory.mktemp("guarded")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document(stage):
    return await stage.site.document()


async def test_the_document_is_openapi(document):
    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1")


async def test_operation_ids_are_unique(document):
    found = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(found) == len(set(found))


async def test_nothing_is_served_that_no_fact_speaks_of(document):
    served = {f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations}
    assert served == set(NAMES)


async def test_the_document_says_what_the_facts_say(document):
    problems = []
    for fact in facts.ENDPOINTS:
        operation = document["paths"][fact["path"]][fact["method"].lower()]
        name = f"{fact['method']} {fact['path']}"
        if operation.get("x-scope", "") != fact["scope"]:
            problems.append(f"{name}: scope {operation.get('x-scope')}")
        if (operation.get("x-credentials") == ["session"]) != (fact.get("credentials") == "session"):
            problems.append(f"{name}: credentials {operation.get('x-credentials')}")
        if ("security" not in operation) != (fact.get("credentials") == "none"):
            problems.append(f"{name}: security {operation.get('security')}")
        queries = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        if queries != set(fact["query"]):
            problems.append(f"{name}: query {queries ^ set(fact['query'])}")
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            reference = body["schema"]["$ref"].rpartition("/")[2]
            properties = set(document["components"]["schemas"][reference]["properties"])
            if not set(fact.get("body", ())) <= properties or properties - set(fact.get("body", ())) - {"inbox_id"}:
                problems.append(f"{name}: body {properties ^ set(fact.get('body', ()))}")
        elif "body" in fact:
            problems.append(f"{name}: no body")
        answer = operation["responses"].get(str(fact["status"]))
        if answer is None:
            problems.append(f"{name}: no {fact['status']}")
        elif "answer" in fact:
            schema = answer["content"]["application/json"]["schema"]
            found = facts.schema_disagreements(document, schema, fact["answer"])
            problems += [f"{name}: {each}" for each in found]
        elif "media_type" in fact and fact["media_type"] not in answer["content"]:
            problems.append(f"{name}: {answer}")
    assert problems == []


@pytest.mark.parametrize("fact", IN_TURN, ids=lambda each: f"{each['method']} {each['path']}")
async def test_a_live_answer_is_what_the_facts_say(answering, fact):
    for request in answering.owner_requests(fact["method"], fact["path"]):
        answer = await answering.send(request)
        assert answer.status == fact["status"], (request, answer.content)
        if "answer" in fact:
            assert facts.disagreements(answer.json, fact["answer"]) == []
            assert answer.headers["Content-Type"].startswith("application/json")
        elif fact["status"] == 204:
            assert answer.content == b""
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] in ("no-store", "private, no-store")
        assert "aiohttp" not in answer.headers.get("Server", "").lower()


async def test_a_shape_notices_what_is_missing_wrong_or_too_much():
    """The comparison itself can fail."""
    good = {"id": "thr_1", "email_ids": ["msg_1"]}
    assert facts.disagreements(good, "gent_thread") == []
    for change in ({"id": None}, {"email_ids": [1]}, {"email_ids": {}}, {"more": 1}):
        assert facts.disagreements({**copy.deepcopy(good), **change}, "gent_thread"), change
    assert facts.disagreements({"id": "thr_1"}, "gent_thread")


# -- what is refused ----------------------------------------------------------------------------------------------


def refusal(face, answer):
    if face == "agentry" and answer.status == 400:
        return facts.disagreements(answer.json, "agentry_invalid")
    return facts.disagreements(answer.json, f"{face}_refusal")


CLOSED = [each for each in facts.ENDPOINTS if each.get("credentials") != "none"]
CLOSED_NAMES = [f"{each['method']} {each['path']}" for each in CLOSED]


@pytest.mark.parametrize("fact", CLOSED, ids=CLOSED_NAMES)
async def test_no_wrong_revoked_expired_or_other_face_s_token_is_taken(stage, fact):
    (request, *_) = stage.owner_requests(fact["method"], fact["path"])
    foreign = stage.site.tokens["a key" if fact["face"] == "gent" else "a1"]
    bodies = set()
    for token in (
        None,
        "",
        "gent_wrong",
        "ag_wrong",
        stage.site.tokens["revoked"],
        stage.site.tokens["expired"],
        foreign,
    ):
        answer = await stage.send(request, token=token)
        assert answer.status == 401, token
        assert refusal(fact["face"], answer) == []
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        bodies.add(answer.content)
    assert len(bodies) == 1
    for scheme in ("Basic YTpi", "Bearer", "bearer  ", f"Token {stage.site.tokens['a1']}"):
        answer = await stage.send(request, token=None, headers={"Authorization": scheme})
        assert answer.status == 401


SCOPED = [each for each in IN_TURN if each["scope"] and each.get("credentials") != "none"]


@pytest.mark.parametrize("fact", SCOPED, ids=[f"{each['method']} {each['path']}" for each in SCOPED])
async def test_only_the_scope_that_is_named_opens_an_endpoint(guarded, fact):
    (request, *_) = guarded.owner_requests(fact["method"], fact["path"])
    without, only = await guarded.scoped(fact["face"], fact["scope"], fact.get("credentials", ""))
    answer = await guarded.send(request, token=without)
    assert answer.status == 403, answer.content
    assert refusal(fact["face"], answer) == []
    assert fact["scope"] in answer.json["message"]
    answer = await guarded.send(request, token=only)
    assert answer.status == fact["status"], answer.content


BROKEN = [
    b"{", b"[]", b"3", b'"x"', b"null", b"\xff\xfe", b'{"no_such_field": 1}', b'{"a": NaN}', b"[" * 100_000,
    b'{"a":' * 50_000, b"\xef\xbb\xbf{}x", b'{"text_body": "\\ud800"}', b'{"text_body": 1e999}', b"'", b"\0",
]  # fmt: skip
WITH_BODY = [fact for fact in facts.ENDPOINTS if "body" in fact]


@pytest.mark.parametrize("fact", WITH_BODY, ids=lambda fact: f"{fact['method']} {fact['path']}")
async def test_a_body_that_cannot_be_used_is_refused_in_the_face_s_shape(stage, fact):
    (request, *_) = stage.owner_requests(fact["method"], fact["path"])
    for content in BROKEN:
        answer = await stage.send(request, json=None, data=content, headers={"Content-Type": "application/json"})
        assert answer.status == 400, content[:50]
        assert refusal(fact["face"], answer) == []
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await stage.send(request, json=None, data=b'{"a": 1}', headers={"Content-Type": kind})
        assert answer.status == 400, kind
    large = b'{"text_body": "' + b"x" * 400_000 + b'"}'
    answer = await stage.send(request, json=None, data=large, headers={"Content-Type": "application/json"})
    assert answer.status == 413
    assert refusal(fact["face"], answer) == []


@pytest.mark.parametrize("fact", WITH_BODY, ids=lambda fact: f"{fact['method']} {fact['path']}")
async def test_each_field_of_a_body_refuses_the_wrong_type_by_its_name(stage, fact):
    (request, *_) = stage.owner_requests(fact["method"], fact["path"])
    for name in fact["body"]:
        wrong = {**(request.json or {}), name: {"wrong": ["type"]}}
        if name in ("headers", "filter"):  # objects with any names
            wrong[name] = 7
        answer = await stage.send(request, json=wrong)
        assert answer.status == 400, (name, answer.content)
        named = (
            [path.split(".")[0] for path in answer.json["fields"]]
            if fact["face"] == "gent"
            else [problem["path"][0] for problem in answer.json["errors"]]
        )
        assert name in named, answer.content


@pytest.mark.parametrize("fact", facts.ENDPOINTS, ids=NAMES)
async def test_unknown_and_malformed_query_parameters(stage, fact):
    (request, *_) = stage.owner_requests(fact["method"], fact["path"])
    bad = {
        "limit": ["0", "1001" if "/metrics/" in fact["path"] else "201", "x", "-1", "1e9", "9" * 30],
        "position": ["-1", "x", "9" * 30],
        "after": ["yesterday", "2026-13-01", "\0"], "before": ["x", ""], "unread": ["maybe"], "starred": ["2.5"],
        "ascending": ["x"], "include_spam": ["x"], "page_token": ["x", "W10.x", "x" * 2000], "labels": ["x" * 2000],
        "since": ["x"], "until": ["x"], "start": ["x"], "end": ["2026-13-01"], "period": ["0", "86401", "1.5"],
        "window": ["59"], "event_types": ["message.eaten"], "usage_types": ["x"], "rate_types": ["x"],
    }  # fmt: skip
    for name, values in bad.items():
        if name in fact["query"]:
            for value in values:
                answer = await stage.send(request, params={name: value})
                assert answer.status == 400, (name, value, answer.content)
                assert refusal(fact["face"], answer) == []
    if fact["query"]:
        answer = await stage.send(request, params={"no_such": "1"})
        assert answer.status in (400, fact["status"])
        for edge in ("0001-01-01", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"):
            if "after" in fact["query"]:
                answer = await stage.send(request, params={"after": edge})
                assert answer.status in (200, 400), answer.content


SESSIONS = [each for each in CLOSED if each.get("credentials") == "session"]


@pytest.mark.parametrize("fact", SESSIONS, ids=[f"{each['method']} {each['path']}" for each in SESSIONS])
async def test_an_agent_token_is_refused_where_a_person_has_to_log_in(stage, fact):
    (request, *_) = stage.owner_requests(fact["method"], fact["path"])
    answer = await stage.send(request, token=stage.site.tokens["a1"])
    assert answer.status == 403, answer.content
    assert refusal(fact["face"], answer) == []


async def test_paths_and_methods_that_there_are_not(stage):
    token = stage.site.tokens["a1"]
    for path, face in (("/v1/nothing/", "gent"), ("/agent/v0/nothing", "agentry")):
        answer = await stage.site.call("GET", path, token)
        assert answer.status == 404
        assert refusal(face, answer) == []
    for path, face in (("/v1/messages/", "gent"), ("/agent/v0/messages", "agentry")):
        answer = await stage.site.call("PUT", path, token)
        assert answer.status == 405
        assert refusal(face, answer) == []
