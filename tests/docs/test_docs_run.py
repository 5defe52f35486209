"""Every command and example of the guide is run, page by page, in its order."""

import shutil

import pytest
import pytest_asyncio

from tests.support import guide, guide_world

pytestmark = pytest.mark.asyncio(loop_scope="module")


TOOLS = ("bash", "curl", "jq", "node", "timeout")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    for tool in TOOLS:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    async with guide_world.opened(tmp_path_factory.mktemp("guide")) as found:
        yield found


@pytest.mark.parametrize("page", guide.PAGES, ids=lambda page: page.stem)
async def test_what_the_page_says_can_be_done(page, world):
    async with guide_world.reading(world, page) as reading:
        for block in guide.blocks(page):
            if "not run" not in block.directions and (block.language in guide.RUN or "answer" in block.directions):
                await reading.follow(block)
        await reading.end()
