"""What an operator types: one document on stdout, sentences on stderr, and an exit code that says which."""

import asyncio
import fcntl
import json
import os
import sqlite3
import subprocess
import sys

import pytest

from tests.support.server import PASSWORD, CommandFailed, Server, environment, running_server


@pytest.fixture
def appliance(tmp_path):
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return Server(tmp_path, environment(tmp_path, dns__timeout_seconds=0.5))


async def run(server, *arguments, **more):
    """The exit code, stdout and stderr of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver", *arguments, env={**server.environment, **more}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        stdout, stderr = await process.communicate()
    return process.returncode, stdout.decode(), stderr.decode()


def password(server):
    return ("--password-file", str(server.directory / "password"))


@pytest.mark.parametrize(
    ("arguments", "more", "code", "sentence"),
    [
        (["nonsense"], {}, 2, "No such command"),
        (["queue", "drop", "dlv_0SA02EZYM0000"], {}, 2, "add --yes"),
        (["domain", "rm", "x.test"], {}, 2, "add --yes"),
        (["user", "rm", "x@x.test"], {}, 2, "add --yes"),
        (["user", "set", "x@x.test"], {}, 2, "Say what is to change"),
        (["user", "rm", "x@x.test", "--yes"], {}, 65, "Nobody logs in"),
        (["token", "create", "--inbox", "a@b.test"], {}, 2, "--scopes"),
        (["--config", "/nowhere.toml", "domain", "list"], {}, 78, "does not exist"),
        (["domain", "list"], {"MAILSERVER_HOSTNAM": "x"}, 78, "Did you mean MAILSERVER_HOSTNAME?"),
        (["serve"], {"MAILSERVER_SMTP__MX_LISTEN": "no json"}, 78, "JSON"),
        (["serve"], {"MAILSERVER_TLS__CERTIFICATE": "/nowhere.pem"}, 78, "nowhere.pem"),
        (["serve"], {"MAILSERVER_DATA_DIR": "/proc/nowhere"}, 73, "/proc/nowhere"),
        (["domain", "list"], {"MAILSERVER_DATA_DIR": "/proc/nowhere"}, 73, "/proc/nowhere"),
        (["queue", "show", "nonsense"], {}, 65, "not an id"),
        (["queue", "show", "dlv_0SA02EZYM0000"], {}, 65, "no such delivery"),
        (["dns", "show", "x.test"], {}, 65, "not served here"),
        (["inbox", "add", "no address"], {}, 65, "not an address"),
        (["inbox", "add", "a@unknown.test"], {}, 65, "not served here"),
        (["domain", "add", "no domain"], {}, 65, "no tenant yet"),
        (["bootstrap", "--domain", "a.test", "--address", "x@b.test"], {}, 65, "not on the domain"),
        (["inbox", "add", "a@b.test", "--password-file", "/nowhere"], {}, 74, "cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
async def test_what_cannot_be_done_says_why_and_ends_with_its_code(appliance, arguments, more, code, sentence):
    if arguments[0] in ("inbox", "bootstrap") and "--password-file" not in arguments:
        arguments = [*arguments, *password(appliance)]
    found, stdout, stderr = await run(appliance, "--json", *arguments, **more)
    assert sentence in stderr
    assert found == code
    assert stdout == ""
    assert "Traceback" not in stderr


async def test_serve_s_listen_address_that_is_taken_is_named(appliance):
    code, _, stderr = await run(appliance, "serve", MAILSERVER_HTTP__LISTEN='["192.0.2.1:1"]')
    assert code == 69
    assert "192.0.2.1:1" in stderr
    assert "Traceback" not in stderr


async def test_a_data_directory_in_use_and_a_database_that_cannot_be_used(appliance):
    data = appliance.directory / "data"
    data.mkdir()
    descriptor = os.open(data / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    code, _, stderr = await run(appliance, "domain", "list")
    assert (code, "in use by another" in stderr) == (75, True)
    os.close(descriptor)
    (data / "mailserver.db").write_bytes(b"no database" * 100)
    for command in (["domain", "list"], ["serve"]):
        code, _, stderr = await run(appliance, *command)
        assert (code, "not a usable database" in stderr) == (69, True)
    (data / "mailserver.db").unlink()
    held = sqlite3.connect(data / "mailserver.db", isolation_level=None)
    held.execute("CREATE TABLE x (y)")
    held.execute("BEGIN EXCLUSIVE")
    code, _, stderr = await run(appliance, "domain", "list")
    assert (code, "locked by another program" in stderr) == (69, True)
    held.close()


async def test_an_admin_socket_of_somebody_else_is_a_matter_of_permission(appliance):
    if os.getuid() == 0:
        pytest.skip("root may open every socket: to be refused takes another user")
    data = appliance.directory / "data"
    data.mkdir()
    server = await asyncio.start_unix_server(lambda *_: None, data / "admin.sock")
    (data / "admin.sock").chmod(0)
    code, _, _ = await run(appliance, "domain", "list")
    server.close()
    assert code == 77


async def test_the_openapi_document_needs_no_server_and_makes_no_data(appliance):
    code, stdout, stderr = await run(appliance, "openapi")
    assert (code, stderr) == (0, "")
    assert "/v1/messages/" in json.loads(stdout)["paths"]
    assert not (appliance.directory / "data").exists()
    assert await appliance.command("openapi") == json.loads(stdout)


async def everything(server):
    """Every verb, so that what follows is the same with a server running and without."""
    first = await server.command(
        "bootstrap", "--domain", "Local.test", "--address", "agent@local.test", *password(server)
    )
    assert set(first) == {
        "tenant_id", "user_id", "user_email", "domain", "inbox_id", "address", "agent_token", "session_token",
        "api_key",
    }  # fmt: skip
    assert first["agent_token"].startswith("gent_")
    assert first["session_token"].startswith("gent_")
    assert first["api_key"].startswith("ag_")
    again = await server.command(
        "bootstrap", "--domain", "local.test", "--address", "agent@local.test", *password(server)
    )
    assert again == {
        name: value for name, value in first.items() if name not in ("agent_token", "session_token", "api_key")
    }
    other = await server.command(
        "bootstrap", "--domain", "second.test", "--address", "a@second.test", "--tenant", first["tenant_id"],
        *password(server),
    )  # fmt: skip
    assert other["tenant_id"] == first["tenant_id"]
    for _ in range(2):
        assert (await server.command("domain", "add", "third.test"))["domain"] == "third.test"
        made = await server.command("inbox", "add", "new@third.test", "--display-name", "Neu", *password(server))
        assert made["address"] == "new@third.test"
    assert [row["domain"] for row in await server.command("domain", "list")] == [
        "local.test", "second.test", "third.test",
    ]  # fmt: skip
    with pytest.raises(CommandFailed, match="exit 65"):
        await server.command("domain", "rm", "third.test", "--yes")
    for verb in (["add"], ["rm", "--yes"], ["rm", "--yes"]):
        assert (await server.command("domain", *verb, "fourth.test"))["domain"] == "fourth.test"
    token = await server.command("token", "create", "--inbox", "new@third.test", "--scopes", "email:send,email:read")
    assert token["scopes"] == ["email:read", "email:send"]
    assert token["token"].startswith("gent_")
    with pytest.raises(CommandFailed, match=r"exit 65.*email:everything"):
        await server.command("token", "create", "--inbox", "new@third.test", "--scopes", "email:everything")
    key = await server.command("token", "create", "--api-key", "--name", "x")
    assert key["api_key"].startswith("ag_")
    records = await server.command("dns", "show", "third.test")
    assert {row["type"] for row in records} >= {"MX", "TXT", "CNAME"}
    assert set(records[0]) == {"type", "name", "value"}
    for verb in ("add", "add", "rm", "rm", "add"):
        assert (await server.command("rule", verb, "Bad.test"))["entry"].lower() == "bad.test"
    named = ("--list", "allow", "--direction", "send", "--inbox", "new@third.test")
    await server.command("rule", "add", "x@good.test", *named, "--reason", "r")
    assert [row["entry"] for row in await server.command("rule", "list")] == ["bad.test"]
    (own,) = await server.command("rule", "list", "--inbox", "new@third.test")
    assert (own["list"], own["direction"], own["reason"]) == ("allow", "send", "r")
    with pytest.raises(CommandFailed, match=r"exit 65.*neither an address nor a domain"):
        await server.command("rule", "add", "@@")
    keys = await server.command("dkim", "rotate", "third.test")
    assert sorted(key["stage"] for key in keys) == ["active", "active", "waiting", "waiting"]
    switched = await server.command("dkim", "rotate", "third.test", "--now")
    assert sorted(key["stage"] for key in switched) == ["active", "active", "retired", "retired"]
    assert len(await server.command("dkim", "list", "third.test")) == 4
    assert await server.command("queue", "list") == []
    assert await server.command("queue", "hold", "dlv_0SA02EZYM0000") == {"ids": []}
    assert await server.command("queue", "drop", "--yes", "dlv_0SA02EZYM0000") == {"ids": []}
    assert (await server.command("verify", "--deep"))["ok"]
    assert (await server.command("reindex"))["messages"] == 0


@pytest.mark.timeout(300)
async def test_every_verb_without_a_server(appliance):
    await everything(appliance)


@pytest.mark.timeout(300)
async def test_every_verb_with_the_server_running(tmp_path):
    (tmp_path / "password").write_text(PASSWORD)
    async with running_server(tmp_path, bootstrap=False) as server:
        await everything(server)
        async with server.session((await server.command("token", "create", "--api-key"))["api_key"]) as client:
            assert (await client.get("/agent/v0/messages")).status == 200
        assert await server.command("openapi") == await (await client_get(server, "/openapi.json")).json()


async def client_get(server, path):
    async with server.session("x") as client:
        answer = await client.get(path)
        await answer.read()
        return answer


async def test_what_people_read_is_text_and_json_is_one_document(appliance):
    arguments = ("bootstrap", "--domain", "local.test", "--address", "agent@local.test", *password(appliance))
    code, stdout, stderr = await run(appliance, *arguments)
    assert (code, stderr) == (0, "")
    assert "agent_token     gent_" in stdout
    code, stdout, _ = await run(appliance, "--json", "domain", "list")
    assert json.loads(stdout)[0]["domain"] == "local.test"
    code, stdout, _ = await run(appliance, "dns", "show", "local.test")
    assert "local.test. 3600 IN MX 10 mail.local.test." in stdout
    assert all(len(string) <= 255 for line in stdout.splitlines() for string in line.split('"'))
    code, stdout, _ = await run(appliance, "queue", "list")
    assert stdout == "The queue is empty.\n"


async def test_where_no_server_runs_dns_names_the_key_that_it_would_serve(appliance):
    await appliance.bootstrap()
    assert "TLSA" not in {row["type"] for row in await appliance.command("dns", "show", "local.test")}
    await appliance.command("dns", "zone", "local.test", "--prepare")
    (record,) = [row for row in await appliance.command("dns", "show", "local.test") if row["type"] == "TLSA"]
    assert (record["name"], record["value"][:6]) == ("_25._tcp.mail.local.test", "3 1 1 ")
    for setting in ("CERTIFICATE", "KEY"):  # of somebody who is about to get a certificate elsewhere
        appliance.environment[f"MAILSERVER_TLS__{setting}"] = str(appliance.directory / "later.pem")
    assert {row["type"] for row in await appliance.command("dns", "show", "local.test")} >= {"MX", "TXT"}


async def test_a_damaged_store_ends_verify_with_one(appliance):
    await appliance.bootstrap()
    made = sqlite3.connect(appliance.directory / "data" / "mailserver.db")
    made.execute("UPDATE folder SET total_messages = 7 WHERE role = 'inbox'")
    made.commit()
    made.close()
    code, stdout, _ = await run(appliance, "--json", "verify")
    assert code == 1
    assert json.loads(stdout)["counters_wrong"] == 1
    assert (await appliance.command("reindex"))["counters_corrected"] == 1
    assert (await appliance.command("verify"))["ok"]


async def test_the_admin_socket_is_for_its_owner_and_refuses_nonsense(tmp_path):
    async with running_server(tmp_path) as server:
        path = tmp_path / "data" / "admin.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        reader, writer = await asyncio.open_unix_connection(path)
        for line in (b"{", b"[]", b"3", b'{"verb": "nothing", "arguments": {}}', b'{"verb": "queue.show"}',
                     b'{"verb": "queue.show", "arguments": {"id": 3}}'):  # fmt: skip
            writer.write(line + b"\n")
            answer = json.loads(await reader.readline())
            assert set(answer) == {"error", "message"}, line
        writer.close()
        assert (await server.command("domain", "list"))[0]["domain"] == "local.test"


async def test_people_are_made_changed_and_removed(appliance):
    await appliance.bootstrap()
    made = await appliance.command("user", "add", "Mia@local.test", *password(appliance))
    assert (made["email"], made["role"], made["mfa_enabled"]) == ("mia@local.test", "member", False)
    assert [row["email"] for row in await appliance.command("user", "list")] == ["agent@local.test", "mia@local.test"]
    code, said, _ = await run(appliance, "user", "list")
    assert code == 0
    assert said.splitlines()[1].split()[:3] == ["mia@local.test", "member", "password"]
    assert (await appliance.command("user", "set", "mia@local.test", "--role", "owner"))["role"] == "owner"
    await appliance.command("user", "set", "agent@local.test", "--role", "member")
    with pytest.raises(CommandFailed, match="needs an owner"):
        await appliance.command("user", "rm", "mia@local.test", "--yes")
    assert await appliance.command("user", "rm", "agent@local.test", "--yes") == {
        "email": "agent@local.test",
        "removed": True,
    }
    (appliance.directory / "password").write_text("short")
    with pytest.raises(CommandFailed, match="between 8 and"):
        await appliance.command("user", "set", "mia@local.test", *password(appliance))


async def test_inboxes_are_limited_listed_and_removed_and_tokens_revoked(appliance):
    async def answer(*arguments):
        code, stdout, stderr = await run(appliance, "--json", *arguments)
        assert code == 0, stderr
        return json.loads(stdout)

    await answer("bootstrap", "--domain", "a.test", "--address", "x@a.test", *password(appliance))
    await answer("inbox", "add", "y@a.test", *password(appliance))
    limited = await answer("inbox", "limit", "y@a.test", "--bytes", "2G", "--messages", "none", "--trash-days", "7")
    assert (limited["most_bytes"], limited["most_messages"], limited["trash_days"]) == (2 << 30, 0, 7)
    assert (await answer("inbox", "limit", "y@a.test"))["most_bytes"] == 2 << 30  # it only tells
    assert (await answer("tenant", "limit", "--messages", "9"))["most_messages"] == 9
    code, shown, _ = await run(appliance, "inbox", "list")
    lines = shown.splitlines()
    assert code == 0
    assert lines[0].split()[0] == "x@a.test"
    assert lines[1].endswith("0 B of 2.0 GB, 0 messages")
    (tenant,) = await answer("tenant", "list")
    assert (tenant["used_bytes"], tenant["most_messages"], tenant["full"]) == (0, 9, False)
    assert (await run(appliance, "inbox", "limit", "y@a.test", "--bytes", "much"))[0] == 2
    assert (await answer("inbox", "passwd", "y@a.test", *password(appliance)))["password_changed"]
    made = await answer("token", "create", "--inbox", "y@a.test", "--scopes", "email:read")
    rows = {row["id"]: row for row in await answer("token", "list")}
    assert made["token"].startswith(rows[made["token_id"]]["prefix"])
    assert len(rows) == 3
    for kind in ("api_key", "agent"):
        number = next(row["id"] for row in rows.values() if row["kind"] == kind)
        assert (await run(appliance, "token", "revoke", number))[0] == 2
        assert (await answer("token", "revoke", number, "--yes"))["revoked"]
        assert number not in {row["id"] for row in await answer("token", "list")}
    assert (await run(appliance, "inbox", "rm", "y@a.test"))[0] == 2
    await answer("inbox", "rm", "y@a.test", "--purge", "--yes")
    assert [row["address"] for row in await answer("inbox", "list")] == ["x@a.test"]
    assert (await run(appliance, "inbox", "rm", "y@a.test", "--yes"))[0] == 65
