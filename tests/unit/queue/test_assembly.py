import pytest

from mailserver.queue import assembly
from mailserver.queue.routing import NoRoute
from mailserver.settings.sections import Queue
from tests.support.outgoing import outgoing
from tests.support.zone import FakeResolver

ZONE = FakeResolver(mx={"remote.test": [(10, "mx.remote.test")]}, hosts={"mx.remote.test": ["127.0.0.1"]})


@pytest.mark.parametrize(("settings", "is_allowed"), [
    (Queue(), False), (Queue(allow_private=True), True), (Queue(remote_port=2525), True),
])  # fmt: skip
async def test_loopback_is_a_destination_only_where_the_operator_means_it(tmp_path, settings, is_allowed):
    async with outgoing(tmp_path, ZONE, 1) as out:
        runner = assembly.runner(
            settings, "mx.local.test", ZONE, frozenset, out.claims, out.outcomes, out.local, out.signing._keys, b"x",
            tmp_path, out.executor, out.doorbell, out.clock, 1.0,
        )  # fmt: skip
        routing = runner._attempt._means.routing
        if is_allowed:
            assert await routing.targets("remote.test")
        else:
            with pytest.raises(NoRoute):
                await routing.targets("remote.test")
