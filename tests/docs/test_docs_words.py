"""Commands, settings, endpoints and replies that the guide names exist, in the words that it has for them."""

import re

import click
from pydantic import BaseModel

from mailserver.cli.main import main
from mailserver.mail.reply import Reply
from mailserver.settings.configuration import Settings
from mailserver.smtp import replies
from tests.support import guide
from tests.support.served import served

SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
ENDPOINT = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) (/(?:v1|auth|agent/v0)/[^\s?`…]*)")
SETTING = re.compile(r"^([a-z]+)\.([a-z_]+)(?: = .*)?$")
REPLY = re.compile(r"^\| (\d{3}) (\d\.\d+\.\d+) (.+?) \|", re.MULTILINE)


def spans():
    """What stands between single backticks, outside of blocks."""
    for page in guide.PAGES:
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for found in SPAN.findall(text):
            yield page.name, found


def test_every_command_that_is_named_exists_with_its_options():
    wrong, seen = [], 0
    for page, span in spans():
        if span.startswith("mailserver "):
            seen += 1
            wrong += [f"{page}: {span}: {said}" for said in unknown(span.split()[1:])]
    assert not wrong
    assert seen > 40


def unknown(words):
    """What of a command line is no command and no option."""
    command: click.Command = main
    context = click.Context(main)
    for word in words:
        if word.startswith("-"):
            options = {name for each in [*main.params, *command.params] for name in each.opts}
            if word.split("=")[0] not in options and not (word[1] != "-" and word[:2] in options):
                yield word
        elif isinstance(command, click.Group):
            following = command.get_command(context, word)
            if following is None:
                if word.islower() and word.isalpha():
                    yield word
                return
            command = following


def test_the_look_at_commands_can_fail():
    assert list(unknown(["queue", "lost"])) == ["lost"]
    assert list(unknown(["queue", "list", "--lost"])) == ["--lost"]
    assert list(unknown(["queue", "show", "ID"])) == []


def test_every_setting_that_is_named_exists():
    sections = {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    wrong, seen = [], 0
    for page, span in spans():
        found = SETTING.match(span)
        if not found or found[1] not in sections or span.endswith((".py", ".md", ".toml", ".service", ".socket")):
            continue
        seen += 1
        if found[2] not in sections[found[1]].model_fields:
            wrong.append(f"{page}: {span}")
    assert not wrong
    assert seen > 40


async def test_every_endpoint_that_is_named_is_served(tmp_path):
    async with served(tmp_path) as site:
        document = await site.document()
    known = {
        (method.upper(), re.sub(r"\{[^}]*\}", "{}", path))
        for path, methods in document["paths"].items()
        for method in methods
    }
    named = {(page, *found.groups()) for page, span in spans() if (found := ENDPOINT.match(span))}
    wrong = [one for one in sorted(named) if (one[1], re.sub(r"\{[^}]*\}", "{}", one[2])) not in known]
    assert not wrong
    assert len(named) > 12


def test_replies_are_shown_in_our_words():
    page = (guide.ROOT / "docs" / "delivery.md").read_text()
    shown = REPLY.findall(page[page.index("## Theirs does not reach us") :])
    known = {(str(each.code), each.enhanced, each.text) for each in vars(replies).values() if isinstance(each, Reply)}
    assert [one for one in shown if one not in known] == []
    assert len(shown) > 12


def test_the_times_of_the_queue_are_those_that_are_told():
    page = (guide.ROOT / "docs" / "delivery.md").read_text().replace("\n", " ")
    queue = Settings(hostname="mail.local.test").queue
    assert "after 1, 5, 15 and 30 minutes, 1, 2, 4 hours and then every 8 hours" in page
    assert [seconds / 60 for seconds in queue.retry_seconds] == [1, 5, 15, 30, 60, 120, 240, 480]
    assert "tell the sender after 4 hours, and give up after 5 days" in page
    assert (queue.delay_notice_seconds, queue.lifetime_seconds) == (4 * 3600, 5 * 86_400)


def test_the_map_names_every_room_and_every_file_that_it_names_is_there():
    flow = (guide.ROOT / "docs" / "flow.md").read_text()
    program = guide.ROOT / "mailserver"
    rooms = {each.stem for each in program.iterdir() if each.suffix == ".py" or (each / "__init__.py").exists()}
    chain = next(line for line in flow.splitlines() if line.startswith("    cli → app"))
    assert rooms - {"__init__", "__main__"} == set(re.findall(r"\w+", chain))
    files = {str(each.relative_to(program)) for each in program.rglob("*.py")}
    named = {span for span in SPAN.findall(flow) if re.fullmatch(r"[a-z_/]+\.py", span)}
    assert [one for one in named if not any(f"/{each}".endswith(f"/{one}") for each in files)] == []
    assert len(named) > 30
