"""Sieve scripts that nobody would write on purpose, over messages that nobody would send."""

from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import headers
from mailserver.mail.sieve import checker, language, running
from mailserver.mail.sieve.facts import Letter, World
from mailserver.mail.sieve.problem import SieveProblem
from mailserver.mail.sieve.result import Result
from mailserver.mail.sieve.signature import Kind
from tests.support import fuzzing
from tests.support.sieve_corpus import MESSAGES, SCRIPTS

FUZZ = fuzzing.examples(150)
REQUIRED = "require [" + ", ".join(f'"{name}"' for name in language.CAPABILITIES) + "]; "
WORDS = (
    *(
        "",
        "a",
        "*",
        "?*[*]",
        "${a}",
        "${1}",
        "${hex:41}",
        "${}",
        "subject",
        "From",
        "date",
        "hour",
        "42",
        "to",
        "x-twice",
    ),
    *("b@local.test", "i;octet", "i;ascii-numeric", "ge", "lt", "+0100", "\\\\Seen", "\n", "Work", "text/plain", "is"),
)
TEXT = st.sampled_from(WORDS).map(lambda word: f'"{word}"')
LIST = st.lists(TEXT, min_size=1, max_size=3).map(lambda each: f"[{', '.join(each)}]")
VALUES = {Kind.TEXT: TEXT, Kind.TEXTS: st.one_of(TEXT, LIST), Kind.NUMBER: st.integers(0, 5).map(str)}


def called(signature):
    """Calls of a command or test whose arguments fit, as far as their kinds go."""
    options = [
        st.just(f":{tag}") if option.value is None else VALUES[option.value].map(f":{tag} {{}}".format)
        for tag, option in sorted(signature.options.items())
    ]
    chosen = st.lists(st.one_of(options), max_size=3) if options else st.just([])
    rest = st.tuples(*(VALUES[kind] for kind in signature.positional))
    return st.builds(lambda first, then: " ".join((signature.name, *first, *then)), chosen, rest)


TESTS = st.recursive(
    st.one_of([called(signature) for signature, _ in language.TESTS.values()]),
    lambda inner: st.one_of(
        inner.map(lambda each: f"not {each}"),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: f"anyof ({', '.join(each)})"),
    ),
    max_leaves=3,
)
COMMANDS = st.one_of([called(signature) for signature, _ in language.ACTIONS.values()]).map(lambda each: f"{each};")
BLOCKS = st.recursive(
    COMMANDS,
    lambda inner: st.builds(
        lambda test, first, other: f"if {test} {{ {first} }} else {{ {other} }}", TESTS, inner, inner
    ),
    max_leaves=3,
)
PIECES = st.sampled_from(
    ['"', "[", "]", "(", ")", "{", "}", ";", ",", ":", "/*", "*/", "#", "text:", "\n", ".\n", "1K", "\x00"]
)


def outcome(script: bytes, raw: bytes) -> Result | None:
    try:
        program = checker.compile_script(script)
    except SieveProblem:
        return None
    letter = Letter(headers.split(raw)[0], len(raw), "a@remote.test", "b@local.test", lambda: raw)
    return running.run(program, letter, World(1_800_000_000))


@FUZZ
@given(st.binary(max_size=300), st.sampled_from(sorted(MESSAGES)))
def test_any_octets_are_a_script_or_a_problem(script, name):
    outcome(script, MESSAGES[name])


@FUZZ
@given(st.lists(BLOCKS, max_size=2).map(" ".join), st.sampled_from(sorted(MESSAGES)))
def test_what_looks_like_a_script_is_run_or_refused(script, name):
    result = outcome((REQUIRED + script).encode(), MESSAGES[name])
    if result is not None and result.problem:
        assert len(result.filings) == 1


@FUZZ
@given(st.sampled_from(sorted(SCRIPTS)), st.integers(0, 400), PIECES, st.integers(0, 20))
def test_a_script_that_was_damaged_is_run_or_refused(name, place, piece, gone):
    script = SCRIPTS[name]
    at = place % (len(script) + 1)
    outcome((script[:at] + piece + script[at + gone :]).encode(), MESSAGES["mime"])


@FUZZ
@given(st.sampled_from(sorted(SCRIPTS)), st.binary(max_size=400))
def test_any_message_goes_through_any_script(name, raw):
    outcome(SCRIPTS[name].encode(), raw)
    outcome(SCRIPTS[name].encode(), MESSAGES["mime"].replace(b"quick", raw))
