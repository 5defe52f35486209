"""The Sieve language where nothing else can be asked for the answer: errors, limits, and what the RFCs leave to us."""

from datetime import timedelta, timezone

import pytest

from mailserver.mail import headers
from mailserver.mail.sieve import checker, language, machine, parser, running
from mailserver.mail.sieve.facts import Letter, World
from mailserver.mail.sieve.problem import SieveProblem
from mailserver.mail.sieve.result import KEPT, Filing
from tests.support.sieve_corpus import MESSAGES

PLAIN = MESSAGES["plain"]
WORLD = World(
    1_800_000_000, folders=frozenset({"inbox", "work", "junk"}), special_uses={"\\junk": "Junk"},
    environment={"name": "mailserver", "phase": "during"},
)  # fmt: skip


def run(script, raw=PLAIN, world=WORLD, sender="a@remote.test", recipient="b+tag@local.test"):
    letter = Letter(headers.split(raw)[0], len(raw), sender, recipient, lambda: raw)
    return running.run(checker.compile_script(script.encode()), letter, world)


def folders(script, **more):
    return [each.folder for each in run(script, **more).filings]


@pytest.mark.parametrize(
    ("script", "line", "part"),
    [
        ('keep;\nfileinto "x";', 2, 'require "fileinto"'),
        ('keep;\n\nif header :contains "a" {}', 3, "header takes"),
        ("/* open", 1, "comment"),
        ('keep;\nredirect "a', 2, "closing quote"),
        ("require text:\nfileinto\n", 1, "single dot"),
        ("keep;\n\x00", 2, "NUL"),
        ("if size :over 99999999999999999999 {}", 1, "too large"),
        ('if header :comparator "i;nonsense" "a" "b" {}', 1, "comparator"),
        ('require "relational"; if header :count "around" "a" "b" {}', 1, "gt, ge"),
        ('if address "subject" "x" {}', 1, "no addresses"),
        ('require "envelope"; if envelope "auth" "x" {}', 1, "envelope"),
        ('if exists "a b" {}', 1, "header field"),
        ('require ["date"]; if date :zone "Berlin" "date" "hour" "1" {}', 1, "offset"),
        ('require ["date", "index"]; if date :last "date" "hour" "1" {}', 1, ":last"),
        ('require "variables"; set "1a" "x";', 1, "variable"),
        ('require ["variables", "fileinto"]; fileinto "${env.x}";', 1, "env.x"),
        ('require ["encoded-character", "fileinto"]; fileinto "${unicode:D800}";', 1, "character"),
        ('require "vacation"; vacation :days 1 :from "nobody at all" "x";', 1, "address"),
        ('require "vacation"; vacation :days 1 :days 2 "x";', 1, "one of them"),
        ('require ["vacation", "vacation-seconds"]; vacation :days 1 :seconds 2 "x";', 1, "one of them"),
        ('require "reject"; ereject "x";', 1, "ereject"),
        ("if not (true, false) {}", 1, "not takes one"),
        ("if allof {}", 1, "takes tests"),
        ("stop 1;", 1, "stop"),
        ("elsif true {}", 1, "behind if"),
    ],
)
def test_an_error_says_the_line_and_the_cause(script, line, part):
    with pytest.raises(SieveProblem) as caught:
        checker.compile_script(script.encode())
    assert caught.value.line == line
    assert part in str(caught.value)


def test_what_is_not_utf_8_is_no_script():
    with pytest.raises(SieveProblem, match="Line 2"):
        checker.compile_script(b"keep;\n# \xff\n")


@pytest.mark.parametrize(
    "script",
    [
        "if true {" * 40 + "}" * 40,
        "if " + "not " * 40 + "true {}",
        "if " + "anyof(" * 40 + "true" + ")" * 40 + " {}",
        "keep;" * (parser.MOST_COMMANDS + 1),
        'if header "a" [' + '"x",' * parser.MOST_STRINGS + '"x"] {}',
        "#" * (parser.LARGEST_BYTES + 1),
        "if true {" * 100_000,
        "[" * 100_000,
    ],
)
def test_depth_and_size_are_bounded(script):
    with pytest.raises(SieveProblem):
        checker.compile_script(script.encode())


def test_too_many_actions_keep_the_message():
    many = "".join(f'fileinto "f{number}";' for number in range(machine.MOST_ACTIONS + 1))
    result = run(f'require "fileinto"; {many}')
    assert result.filings == KEPT.filings
    assert "things" in result.problem
    assert "addresses" in run("".join(f'redirect "a{n}@b.test";' for n in range(machine.MOST_REDIRECTS + 1))).problem


def test_too_much_work_keeps_the_message():
    raw = PLAIN.replace(b"X-Number: 42 points", b"X-Number: " + b"a" * 100_000)
    slow = 'if header :matches "x-number" "*' + "?" * 1_000 + 'b" { discard; }'
    result = run(slow, raw=raw)
    assert result.filings == KEPT.filings
    assert "work" in result.problem


def test_variables_are_bounded_in_length_and_number():
    grown = "".join('set "a" "${a}${a}";' for _ in range(40))
    result = run(
        f'require ["variables", "fileinto"]; set "a" "xxxxxxxx"; {grown} set :length "n" "${{a}}"; fileinto "${{n}}";'
    )
    assert [each.folder for each in result.filings] == [str(machine.LONGEST_VARIABLE)]
    many = "".join(f'set "v{number}" "x";' for number in range(machine.MOST_VARIABLES + 1))
    assert "variables" in run(f'require "variables"; {many}').problem


def test_a_variable_is_not_read_a_second_time():
    assert folders('require ["variables", "fileinto"]; set "b" "no"; set "a" "$"; fileinto "${a}{b}";') == ["${b}"]


def test_a_failure_in_mid_script_undoes_what_was_asked_for():
    result = run('require ["fileinto", "variables"]; fileinto "Work"; set "a" "nobody"; redirect "${a}";')
    assert result.filings == KEPT.filings
    assert result.redirects == ()
    assert result.problem


def test_wildcards_stand_for_as_little_as_possible():
    script = 'require ["variables", "fileinto"]; if header :matches "subject" "*l*o*" { fileinto "${1}|${2}|${3}"; }'
    assert folders(script) == ["[|ist] Hell| 12 World"]


def test_the_whole_value_has_to_match():
    assert folders('require "fileinto"; if header :matches "x-number" "?2" { fileinto "no"; }') == [""]
    assert folders('require "fileinto"; if header :matches "x-number" "42*42" { fileinto "no"; }') == [""]


def test_numbers_compare_as_numbers_and_no_number_is_larger_than_all():
    numeric = 'require ["relational", "comparator-i;ascii-numeric", "fileinto"];'
    assert folders(f'{numeric} if header :is :comparator "i;ascii-numeric" "x-number" "042" {{ fileinto "y"; }}') == [
        "y"
    ]
    larger = f'{numeric} if header :value "gt" :comparator "i;ascii-numeric" "subject" "99999999" {{ fileinto "y"; }}'
    assert folders(larger) == ["y"]


def test_the_null_sender_is_an_empty_string():
    script = 'require ["envelope", "fileinto"]; if envelope :all :is "from" "" { fileinto "bounce"; }'
    assert folders(script, sender="") == ["bounce"]
    assert folders(script) == [""]


def test_the_detail_of_an_address_that_has_none_matches_nothing():
    script = 'require ["envelope", "subaddress", "fileinto"]; if envelope :detail "%s" "%s" { fileinto "y"; }'
    assert folders(script % ("to", "tag")) == ["y"]
    assert folders(script % ("from", "")) == [""]


def test_the_present_date_is_that_of_the_inbox():
    script = 'require ["date", "fileinto"]; if currentdate "hour" "%s" { fileinto "y"; }'
    assert folders(script % "08") == ["y"]  # 2027-01-15T08:00:00Z
    there = World(WORLD.at, zone=timezone(timedelta(hours=5)))
    assert folders(script % "13", world=there) == ["y"]
    zoned = 'require ["date", "fileinto"]; if currentdate :zone "-0900" "date" "2027-01-14" { fileinto "y"; }'
    assert folders(zoned) == ["y"]


def test_a_date_that_cannot_be_read_matches_nothing():
    script = 'require ["date", "fileinto"]; if date "subject" "year" "2026" { fileinto "y"; }'
    assert folders(script) == [""]


def test_the_date_of_received_stands_behind_its_last_semicolon():
    raw = b"Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000 (UTC)\r\n" + PLAIN
    script = 'require ["date", "fileinto"]; if date :zone "+0000" "received" "hour" "10" { fileinto "y"; }'
    assert folders(script, raw=raw) == ["y"]


def test_folders_and_uses_can_be_asked_for():
    assert folders('require ["mailbox", "fileinto"]; if mailboxexists ["Work", "INBOX"] { fileinto "y"; }') == ["y"]
    uses = 'require ["special-use", "fileinto"]; if specialuse_exists %s { fileinto "y"; }'
    assert folders(uses % '"\\\\Junk"') == ["y"]
    assert folders(uses % '["\\\\Junk", "\\\\Flagged"]') == [""]
    assert folders(uses % '"Junk" "\\\\junk"') == ["y"]
    assert folders(uses % '"Work" "\\\\Junk"') == [""]


def test_fileinto_carries_everything_that_it_was_told():
    result = run('require ["fileinto", "mailbox", "special-use", "imap4flags"]; fileinto :flags "a" :create'
                 ' :specialuse "\\\\Archive" "Old/Mail";')  # fmt: skip
    assert result.filings == (Filing("Old/Mail", ("a",), creates=True, special_use="\\Archive"),)


def test_flags_hold_several_in_one_string_and_each_once():
    result = run(
        'require "imap4flags"; setflag "\\\\Seen \\\\seen bad{flag $Ok"; addflag "$OK other"; removeflag "OTHER";'
    )
    assert result.filings == (Filing(flags=("\\Seen", "$Ok")),)


def test_the_environment_can_be_asked_for():
    script = 'require ["environment", "fileinto"]; if environment "phase" "during" { fileinto "y"; }'
    assert folders(script) == ["y"]


def test_the_period_of_an_answer_has_borders():
    script = 'require ["vacation", "vacation-seconds"]; vacation :%s "x";'
    assert run(script % "seconds 0").vacation.seconds == 60
    assert run(script % "days 0").vacation.seconds == 86_400
    assert run(script % "days 99999").vacation.seconds == 365 * 86_400


def test_answers_that_differ_are_counted_apart_unless_they_have_a_handle():
    first, second = (run(f'require "vacation"; vacation "{text}";').vacation.handle for text in ("a", "b"))
    assert first != second
    third, fourth = (run(f'require "vacation"; vacation :handle "h" "{text}";').vacation.handle for text in ("a", "b"))
    assert third == fourth


def test_messages_inside_a_message_are_looked_into():
    inner = b"Subject: inner\r\n\r\nneedle in the inside\r\n"
    raw = b"Subject: outer\r\nContent-Type: message/rfc822\r\n\r\n" + inner
    script = 'require ["body", "fileinto"]; if body :content "%s" :contains "%s" { fileinto "y"; }'
    assert folders(script % ("text", "needle"), raw=raw) == ["y"]
    assert folders(script % ("message/rfc822", "Subject: inner"), raw=raw) == ["y"]
    assert folders(script % ("message/rfc822", "needle"), raw=raw) == [""]


def test_every_extension_can_be_required():
    names = ", ".join(f'"{name}"' for name in language.CAPABILITIES)
    assert run(f"require [{names}]; keep;").filings == KEPT.filings
    assert {
        "fileinto",
        "reject",
        "ereject",
        "vacation",
        "vacation-seconds",
        "imap4flags",
        "body",
        "date",
        "index",
    } <= set(language.CAPABILITIES)
