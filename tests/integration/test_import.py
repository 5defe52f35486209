"""Mail comes from Maildir, mbox and JMAP, and goes out again as it was: bytes, folders, flags and times."""

import asyncio
import json
import os
import random
import re
import shutil
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support import database_file
from tests.support.server import PASSWORD, CommandFailed, running_server
from tests.support.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "import.md"
FOLDERS = (
    ["Inbox"], ["Sent"], ["Junk"], ["Trash"], ["Inbox", "Sub"], ["Spam"], ["a.b", "c/d"], ["x\\2ey"],
    ["50%2Foff", ".hidden"], ["日本語", "&-"], ["new"], ["long " * 39],
)  # fmt: skip
ROLES = {"Inbox": "inbox", "Sent": "sent", "Junk": "junk", "Trash": "trash"}
WORDS = ("$seen", "$flagged", "$answered", "$draft", "$forwarded", "$junk", "junk", "later", "work/todo")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    async with running_server(tmp_path_factory.mktemp("server")) as running:
        running.environment["MAILSERVER_HTTP__PUBLIC_URL"] = running.http  # where a JMAP session says that it goes on
        await running.stop()
        await running.start()
        yield running


async def inbox(server, name):
    """A further inbox."""
    address = f"{name}@local.test"
    await server.command("inbox", "add", address, "--password-file", str(server.directory / "password"))
    return address


def letter(chance, number):
    end = chance.choice([b"\r\n", b"\r\n", b"\n", b"\r\n\n"])
    lines = [
        chance.choice([b"From here", b">From there", b"x" * 80, b"", b"\xff\x00", b".", b"Status: R"]) for _ in range(9)
    ]
    body = end.join(lines) + chance.choice([b"", end, end + end])
    return b"From: a@remote.test" + end + b"Subject: %d" % number + end + b"Status: other" + end + end + body


async def ask(server, verb, octets=b"", **given):
    reader, writer = await asyncio.open_unix_connection(server.directory / "data" / "admin.sock", limit=1 << 24)
    writer.write(json.dumps({"verb": verb, "arguments": given, "octets": len(octets)}).encode() + b"\n" + octets)
    answer = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    assert "error" not in answer, answer
    return answer["result"]


async def fill(server, address, count, seed):
    """Awkward mail in awkward folders."""
    chance = random.Random(seed)
    rows, contents = [], []
    for number in range(count):
        paths = chance.sample(FOLDERS, chance.choice([1, 1, 1, 2]))
        content = letter(chance, number)
        contents.append(content)
        words = sorted(chance.sample(WORDS, chance.randrange(4)))
        at = 1_400_000_000_000 + chance.randrange(10**11)
        places = [[path, ROLES.get(path[0]) if len(path) == 1 else None] for path in paths]
        rows.append({"places": places, "keywords": words, "received_at": at, "key": "", "size": len(content)})
    fates = await ask(server, "import.store", b"".join(contents), inbox=address, source="test", messages=rows)
    assert {each["fate"] for each in fates} == {"imported"}


async def contents(server, address, *, exact_times=True):
    """What an inbox has, as a set that can be compared."""
    found = set()
    for shelf in await ask(server, "export.folders", inbox=address):
        after = []
        while rows := await ask(server, "export.page", inbox=address, folder=shelf["folder"], after=after, limit=300):
            for row in rows:
                at = row["received_at"] if exact_times else row["received_at"] // 1000
                found.add((tuple(shelf["path"]), shelf["role"], row["hash"], at, frozenset(row["keywords"])))
            after = [rows[-1]["received_at"], rows[-1]["message"]]
    return found


@pytest.mark.parametrize("form", ["maildir", "mbox"])
async def test_what_is_exported_and_imported_is_the_same_mail(server, tmp_path, form):
    one, other = await inbox(server, f"{form}1"), await inbox(server, f"{form}2")
    await fill(server, one, 120, form)
    done = await server.command("export", form, str(tmp_path / "out"), "--inbox", one)
    assert done["damaged"] == []
    assert done["keywords_left_out"] == []
    brought = await server.command("import", form, str(tmp_path / "out"), "--inbox", other)
    assert brought["failed"] == 0
    assert done["exported"] == brought["imported"] + brought["there"]
    before, after = await contents(server, one), await contents(server, other)
    assert len(before) >= 120
    assert after == before
    again = await server.command("import", form, str(tmp_path / "out"), "--inbox", other)
    assert again["imported"] == 0
    with pytest.raises(CommandFailed, match="finished") as taken:
        await server.command("export", form, str(tmp_path / "out"), "--inbox", one)
    assert taken.value.code == 73


async def test_an_export_that_broke_off_goes_on(server, tmp_path):
    address = await inbox(server, "goes-on")
    await fill(server, address, 60, "x")
    out = tmp_path / "out"
    whole = await server.command("export", "maildir", str(out), "--inbox", address)
    notes = json.loads((out / "mailserver-export.json").read_bytes())
    (out / "mailserver-export.json").write_text(json.dumps(notes | {"finished": False}))
    files = sorted(out.rglob("cur/*"))
    for path in files[::2]:
        path.unlink()
    (files[1].parents[1] / "tmp" / "half").write_bytes(b"From: a")
    again = await server.command("export", "maildir", str(out), "--inbox", address)
    assert (again["exported"], again["there"]) == (len(files[::2]), len(files) - len(files[::2]))
    assert sorted(out.rglob("cur/*")) == files
    assert whole["exported"] == len(files)


async def test_nothing_is_written_beside_what_somebody_else_has_there(server, tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(CommandFailed, match="not empty") as taken:
        await server.command("export", "mbox", str(tmp_path), "--inbox", "agent@local.test")
    assert taken.value.code == 73
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


async def test_a_jmap_account_comes_over_with_several_folders_a_message(server, tmp_path):
    one, other = await inbox(server, "jmap1"), await inbox(server, "jmap2")
    await fill(server, one, 80, "jmap")
    command = (
        "import", "jmap", f"{server.http}/.well-known/jmap", "--user", one, "--inbox", other, "--password-file",
        str(server.directory / "password"),
    )  # fmt: skip
    brought = await server.command(*command)
    assert brought["failed"] == 0
    assert brought["imported"] + brought["there"] == 80
    before = await contents(server, one, exact_times=False)  # JMAP tells seconds
    assert await contents(server, other, exact_times=False) == before
    again = await server.command(*command)
    assert (again["imported"], again["there"]) == (0, 80)
    (tmp_path / "wrong").write_text("wrong")
    with pytest.raises(CommandFailed) as refused:
        await server.command(*command[:-1], str(tmp_path / "wrong"))
    assert refused.value.code == 77


def maildir(directory, count=10):
    for part in ("cur", "new", "tmp"):
        (directory / part).mkdir(parents=True)
    for number in range(count):
        (directory / "cur" / f"{1_500_000_000 + number}.{number}.host:2,S").write_bytes(b"Subject: %d\n\nx\n" % number)


async def test_what_cannot_be_imported_is_named_and_the_rest_comes(server, tmp_path):
    address = await inbox(server, "partly")
    maildir(tmp_path / "md")
    (tmp_path / "md" / "cur" / "1.garbage:2,").write_bytes(b"\0\0\0")
    os.mkfifo(tmp_path / "md" / "cur" / "2.pipe:2,")
    (tmp_path / "md" / "cur" / "3.link:2,").symlink_to("/etc/passwd")
    (tmp_path / "md" / "new" / "4.new").write_bytes(b"Subject: new\n\nx\n")
    with pytest.raises(CommandFailed) as partly:
        await server.command("import", "maildir", str(tmp_path / "md"), "--inbox", address)
    assert partly.value.code == 1
    for name in ("1.garbage", "2.pipe", "3.link"):
        assert name in partly.value.stderr
    found = await contents(server, address)
    assert len(found) == 11
    assert len([1 for *_, words in found if "$seen" not in words]) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("maildir", "{}/nothing"), 65), (("maildir", "{}"), 65), (("mbox", "{}/nothing"), 65),
        (("mbox", "{}/text"), 65),
        (("imap", "127.0.0.1"), 2), (("jmap", "http://127.0.0.1:9/", "--password-file", "{}/text"), 69),
    ],
)  # fmt: skip
async def test_what_is_no_source_is_said_to_be_none(server, tmp_path, arguments, code):
    (tmp_path / "text").write_text("no mail")
    given = [each.format(tmp_path) for each in arguments]
    where = [] if code == 2 else ["--inbox", "agent@local.test"]
    with pytest.raises(CommandFailed) as refused:
        await server.command("import", *given, *where)
    assert refused.value.code == code
    assert "Traceback" not in refused.value.stderr


async def test_an_inbox_that_there_is_not_is_bad_data(server, tmp_path):
    maildir(tmp_path / "md", 1)
    with pytest.raises(CommandFailed) as refused:
        await server.command("import", "maildir", str(tmp_path / "md"), "--inbox", "nobody@local.test")
    assert refused.value.code == 65


async def test_without_the_library_for_imap_a_sentence_says_where_it_is(server, tmp_path):
    program = "import sys; sys.modules['aioimaplib'] = None; from mailserver.cli.main import main; main()"
    (tmp_path / "secret").write_text(PASSWORD)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "import", "imap", "127.0.0.1", "--inbox", "agent@local.test", "--password-file",
        str(tmp_path / "secret"), env=server.environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, stderr = await process.communicate()
    assert process.returncode == 69
    assert b"pip install" in stderr


async def test_the_commands_of_the_page_do_what_it_says(server, tmp_path):
    """Those for sources that are servers are run by the tests of these, and only read here."""
    address = await inbox(server, "anna")
    maildir(tmp_path / "Maildir")
    (tmp_path / "mail.mbox").write_bytes(b"From a Sat Jan  3 01:05:34 1996\nSubject: one\n\nx\n")
    shutil.copytree(tmp_path / "Maildir", tmp_path / "second")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [line for block in blocks for line in re.findall(r"^mailserver (.*)$", block, re.MULTILINE)]
    assert {tuple(line.split()[:2]) for line in commands} == {
        ("import", "maildir"), ("import", "mbox"), ("import", "imap"), ("import", "jmap"), ("export", "maildir"),
        ("export", "mbox"),
    }  # fmt: skip
    for line in commands:
        words = line.replace("anna@example.com", address).replace("/home/anna", str(tmp_path)).split()
        words = [each.replace("/var/tmp", str(tmp_path)) for each in words]
        if words[1] in ("imap", "jmap"):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mailserver", *words, "--help", env=server.environment,
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            assert await process.wait() == 0, line
            continue
        answer = await server.command(*words)
        assert answer.get("imported", 0) + answer.get("there", 0) + answer.get("exported", 0) > 0, line


async def test_a_server_that_is_killed_loses_nothing_and_keeps_nothing_twice(server, tmp_path):
    address = await inbox(server, "killed")
    maildir(tmp_path / "md", 900)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver", "import", "maildir", str(tmp_path / "md"), "--inbox", address,
        env=server.environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await until(lambda: stored(server, address))
    await server.kill()
    _, stderr = await process.communicate()
    assert process.returncode == 75, stderr
    assert b"run the same command again" in stderr
    await server.start()
    again = await server.command("import", "maildir", str(tmp_path / "md"), "--inbox", address)
    assert again["imported"] + again["there"] == 900
    assert again["imported"] > 0
    assert len(await contents(server, address)) == 900
    (inbox_directory,) = [each for each in (server.directory / "data" / "mail").glob("inb_*") if _has(each, 900)]
    assert len([path for path in inbox_directory.rglob("*") if path.is_file()]) == 900, "no file without its row"


def stored(server, address):
    """How many messages an inbox has, read beside the server: at once, while most of them are still to come."""
    with database_file.reading(server.directory / "data") as database:
        counted = "SELECT COUNT(*) FROM message m JOIN inbox i ON i.id = m.inbox_id WHERE i.address = ?"
        return database.execute(counted, [address]).fetchone()[0]


def _has(directory, least):
    return len([path for path in directory.rglob("*") if path.is_file()]) >= least
