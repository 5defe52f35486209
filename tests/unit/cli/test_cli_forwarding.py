"""mailserver forward, while the server runs and while it does not."""

import pytest
from click.testing import CliRunner

from mailserver.cli.main import main
from tests.support.server import CommandFailed, running_server


@pytest.mark.parametrize("runs", [False, True])
async def test_targets_are_set_shown_and_taken_away(tmp_path, runs):
    async with running_server(tmp_path) as server:
        if not runs:
            await server.stop()
        for _ in range(2):
            made = await server.command("forward", "add", "agent@local.test", "me@remote.test")
        assert (made["target"], made["enabled"], made["keep_copy"], made["alias"]) == (
            "me@remote.test", True, True, None,
        )  # fmt: skip
        assert not (await server.command("forward", "add", "agent@local.test", "me@remote.test", "--no-copy"))[
            "keep_copy"
        ]
        for target in ("a@remote.test", "b@remote.test", "b@remote.test"):
            await server.command("forward", "add", "agent@local.test", target, "--alias", "team@local.test")
        rows = await server.command("forward", "list")
        assert [(row["alias"], row["target"]) for row in rows] == [
            (None, "me@remote.test"), ("team@local.test", "a@remote.test"), ("team@local.test", "b@remote.test"),
        ]  # fmt: skip
        for _ in range(2):
            assert not (await server.command("forward", "off", "agent@local.test"))["enabled"]
            answer = await server.command(
                "forward", "rm", "agent@local.test", "a@remote.test", "--alias", "team@local.test"
            )
            assert answer["removed"]
        assert [row["enabled"] for row in await server.command("forward", "list")] == [False, True]
        with pytest.raises(CommandFailed, match=r"exit 65.*come back"):
            await server.command("forward", "add", "agent@local.test", "team@local.test")
        with pytest.raises(CommandFailed, match=r"exit 65.*no inbox"):
            await server.command("forward", "add", "nobody@local.test", "me@remote.test")


def test_the_list_is_readable():
    row = {
        "inbox": "agent@local.test", "alias": None, "target": "me@remote.test", "enabled": False, "keep_copy": True,
        "failures": 5, "stopped_at": 1, "changed_at": 1,
    }  # fmt: skip

    class Told:
        as_json = False

        def run(self, verb):
            assert verb == "forward.list"
            return [row]

    command = main.get_command(None, "forward").commands["list"]
    shown = CliRunner().invoke(command, obj=Told()).output
    assert shown.split() == ["agent@local.test", "me@remote.test", "stopped", "by", "refusals", "copy"]
