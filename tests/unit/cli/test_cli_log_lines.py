import asyncio
import json
import os
import sys
from typing import Any

import orjson
import pytest
import structlog

from mailserver.admin import logging as verbs
from mailserver.cli.log_level import LogLevel
from mailserver.cli.redaction import Redaction
from mailserver.entities import errors

PROGRAM = """
import structlog, sys
from mailserver.cli import logs
log = structlog.get_logger()
made = logs.configure("info", sys.argv[1], redact=sys.argv[2] == "yes")
made.redact_with(b"the installation's own")
log.info("smtp.message.accepted", queue_id="msg_1", peer="203.0.113.9", sender="Ann.Lee@Remote.test", text='a "b" = c')
try:
    raise ValueError("no mailbox for ann.lee@remote.test\\nat 2001:db8::9")
except ValueError:
    log.exception("smtp.command.failed", seen=[1, None, "::1"])
"""


async def written(form: str, redact: str = "no", **environment: str) -> list[str]:
    """What a process writes with these settings."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, form, redact, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )  # fmt: skip
    _, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return stderr.decode().splitlines()


async def test_logfmt_is_one_line_an_event_with_quotes_where_they_are_needed():
    first, second = await written("logfmt")
    assert first.split(" ", 1)[1] == (
        "level=info event=smtp.message.accepted queue_id=msg_1 peer=203.0.113.9 sender=Ann.Lee@Remote.test "
        'text="a \\"b\\" = c"'
    )
    assert first.startswith("ts=20")
    assert 'exception="Traceback' in second
    assert 'seen="[1,null,\\"::1\\"]"' in second


@pytest.mark.parametrize(
    ("form", "begins"), [("auto", "<6>smtp.message.accepted queue_id=msg_1 peer="), ("logfmt", "<6>ts=20")]
)
async def test_the_journal_knows_how_bad_a_line_is_and_has_its_time_once(tmp_path, form, begins):
    with (tmp_path / "journal").open("w+b") as journal:
        found = os.fstat(journal.fileno())
        given = {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, form, "no", stderr=journal, env=given
        )
        assert await process.wait() == 0
        first, second = (tmp_path / "journal").read_text().splitlines()
    assert first.startswith(begins)
    assert second.startswith("<3>")
    assert ('seen=[1,null,"::1"]' in second) is (form == "auto")


async def test_a_journal_that_is_anothers_changes_nothing():
    first, _ = await written("logfmt", JOURNAL_STREAM="1:2")
    assert first.startswith("ts=20")


@pytest.mark.parametrize("form", ["json", "logfmt", "console"])
async def test_no_address_is_written_where_that_is_set_and_the_same_one_has_the_same_name(form):
    text = "\n".join(await written(form, "yes"))
    for told in ("203.0.113.9", "emote.test", "Ann.Lee", "ann.lee", "2001:db8", "::1"):
        assert told not in text, text
    person = Redaction()
    person.use(b"the installation's own")
    name = person.text("ann.lee@remote.test")
    assert text.count(name) >= 2
    assert person.text("ANN.lee@remote.TEST") == name
    other = Redaction()
    other.use(b"another's")
    assert other.text("ann.lee@remote.test") != name


@pytest.mark.parametrize("text", ["12:30:59", "TLSv1.3", "a::b::c::", "1.2.3", "msg_01", "999.1.1.1", "no@", "50%"])
def test_what_is_no_address_is_left(text):
    assert Redaction().text(text) == text


def test_addresses_are_found_in_the_middle_of_a_reply():
    redaction = Redaction()
    text = redaction.text("550 5.7.1 <a@b.test>: [192.0.2.1] is listed, see x=::ffff:192.0.2.1")
    assert "192.0.2.1" not in text
    assert "a@b.test" not in text
    assert text.startswith("550 5.7.1 <person-")


async def test_a_level_is_changed_for_loggers_that_are_in_use_and_goes_back_by_itself():
    seen: list[Any] = []

    class Sink:
        def info(self, line):
            seen.append(line)

        debug = warning = info

    level = LogLevel("info")
    log = structlog.wrap_logger(
        Sink(), [lambda *given: given[2]["event"]], wrapper_class=level.logger_class, cache_logger_on_first_use=True
    ).bind(listener="smtp")
    run = verbs.table(level)["log.level"]
    log.debug("quiet")
    assert await run({"level": "debug", "seconds": 0.05}) == {
        "level": "debug",
        "seconds_left": pytest.approx(0, abs=0.1),
    }
    log.debug("loud")
    await run({"level": "warning", "seconds": 0.05})
    log.info("quieter")
    await asyncio.sleep(0.1)
    assert await run({}) == {"level": "info", "seconds_left": None}
    log.debug("quiet again")
    log.info("back")
    assert seen == ["loud", "back"]
    await run({"level": "error", "seconds": 60})
    await run({"level": "warning"})
    assert await run({}) == {"level": "warning", "seconds_left": None}


@pytest.mark.parametrize(
    "given", [{"level": "loud"}, {"level": "info", "seconds": 0}, {"level": "info", "seconds": "x"}]
)
async def test_a_level_that_there_is_not_is_refused(given):
    with pytest.raises(errors.Invalid):
        await verbs.table(LogLevel("info"))["log.level"](given)
    assert verbs.table(None) == {}


async def test_json_lines_are_as_they_were():
    first = json.loads((await written("json"))[0])
    assert orjson.loads(json.dumps(first)) == first
    assert first["event"] == "smtp.message.accepted"
    assert first["peer"] == "203.0.113.9"
