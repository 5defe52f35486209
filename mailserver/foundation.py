"""The open store with the services on it: what the server stands on, and all that an operator's verbs need."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager

from mailserver.admin.verbs import Verbs
from mailserver.dns import DnsResolver
from mailserver.events.dispatcher import Limits
from mailserver.fetch import Fetch
from mailserver.services import assembly
from mailserver.services.assembled import Assembled, Threadpools
from mailserver.services.notify.doorbell import Doorbell
from mailserver.settings.configuration import Settings
from mailserver.storage import store
from mailserver.storage.store import Store

WEBHOOKS = Limits()


@asynccontextmanager
async def offline(settings: Settings) -> AsyncIterator[Verbs]:
    """The operator's verbs on a data directory that no server has open."""
    async with AsyncExitStack() as stack:
        _, assembled, _ = await laid(settings, stack, Doorbell(), lambda _: None)
        yield Verbs(assembled.services)


async def laid(
    settings: Settings,
    stack: AsyncExitStack,
    doorbell: Doorbell,
    announce: Callable[[str], None],
) -> tuple[Store, Assembled, DnsResolver]:
    """The open store with the services on it, and what they ask DNS by."""
    pools = Threadpools(
        files=stack.enter_context(ThreadPoolExecutor(4, "files")),
        crypto=stack.enter_context(ThreadPoolExecutor(2, "crypto")),
        passwords=stack.enter_context(ThreadPoolExecutor(2, "passwords")),
        stage=stack.enter_context(ThreadPoolExecutor(1, "stage")),
    )
    opened = await stack.enter_async_context(store.opened(settings, announce))
    resolver = DnsResolver(settings.dns.nameservers, settings.dns.timeout_seconds)
    private = settings.outbound_http.allow_private
    fetch = await stack.enter_async_context(Fetch(resolver, allow_private=private))
    posts = Fetch(
        resolver, allow_private=private, connections=WEBHOOKS.lines, connections_per_host=WEBHOOKS.lines_per_host
    )
    await stack.enter_async_context(posts)
    built = assembly.assemble(settings, opened, pools, resolver, fetch, posts, doorbell)
    await built.begin()
    return opened, built, resolver
