"""Scripts over messages: what comes out is what Dovecot's Pigeonhole does with them."""

import pytest

from mailserver.mail import headers
from mailserver.mail.sieve import checker, running
from mailserver.mail.sieve.facts import Letter, World
from mailserver.mail.sieve.problem import SieveProblem
from tests.support import pigeonhole
from tests.support.pigeonhole import Pigeonhole
from tests.support.sieve_corpus import MESSAGES, SCRIPTS

pytestmark = pytest.mark.skipif(pigeonhole.missing() is not None, reason=str(pigeonhole.missing()))


def ours(script: str, raw: bytes) -> list[str]:
    try:
        program = checker.compile_script(script.encode())
    except SieveProblem:
        return ["invalid"]
    letter = Letter(headers.split(raw)[0], len(raw), "a@remote.test", "b@local.test", lambda: raw)
    result = running.run(program, letter, World(1_800_000_000, folders=frozenset({"inbox"})))
    found = [f"file {each.folder} [{' '.join(sorted(flag.lower() for flag in each.flags))}]" for each in result.filings]
    found += [f"redirect {each}" for each in result.redirects]
    found += ["reject"] if result.rejection else []
    found += [f"vacation {result.vacation.seconds}"] if result.vacation else []
    return sorted(found)


@pytest.fixture(scope="module")
def other():
    opened = Pigeonhole()
    yield opened
    opened.close()


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_script_does_what_pigeonhole_does(name, other):
    said = {title: (ours(SCRIPTS[name], raw), other.run(SCRIPTS[name], raw)) for title, raw in MESSAGES.items()}
    assert {title: mine for title, (mine, _) in said.items()} == {title: his for title, (_, his) in said.items()}
