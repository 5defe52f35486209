from contextlib import asynccontextmanager

import pytest

from tests.support.outgoing import outgoing
from tests.support.remote import Remote
from tests.support.zone import FakeResolver

ZONE = {"mx": {"remote.test": [(10, "mx.remote.test")]}, "hosts": {"mx.remote.test": ["127.0.0.1"]}}


@pytest.fixture
async def remote():
    async with Remote() as server:
        yield server


@pytest.fixture
def parts(tmp_path, remote):
    """`async with parts(option=…) as out`: the queue in front of the remote server, running unless told otherwise."""

    @asynccontextmanager
    async def build(*, is_running=True, resolver=None, port=None, **options):
        resolver = resolver or FakeResolver(**ZONE)
        async with outgoing(tmp_path, resolver, port or remote.port, **options) as out:
            if is_running:
                async with out.running():
                    yield out
            else:
                yield out

    return build
