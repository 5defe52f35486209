"""How many connections that stay open one credential and one tenant may have, in one process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from mailserver.entities import errors
from mailserver.entities.access import Caller

MOST_OF_CREDENTIAL = 32
MOST_OF_TENANT = 1_000


class Connections:
    """Counts them."""

    def __init__(self) -> None:
        self._of_credential: Counter[tuple[str, int]] = Counter()
        self._of_tenant: Counter[int] = Counter()

    @property
    def number(self) -> int:
        """How many there are in all."""
        return sum(self._of_tenant.values())

    @contextmanager
    def one_of(self, caller: Caller) -> Iterator[None]:
        """Count a connection while the block runs; TooMany where there are as many as may be."""
        key = (caller.credential.value, caller.credential_id)
        if self._of_credential[key] >= MOST_OF_CREDENTIAL or self._of_tenant[caller.tenant_id] >= MOST_OF_TENANT:
            raise errors.TooMany("There are as many open streams and sockets as there may be; close some first.")
        self._of_credential[key] += 1
        self._of_tenant[caller.tenant_id] += 1
        try:
            yield
        finally:
            self._of_credential[key] -= 1
            self._of_tenant[caller.tenant_id] -= 1
            if not self._of_credential[key]:
                del self._of_credential[key]
            if not self._of_tenant[caller.tenant_id]:
                del self._of_tenant[caller.tenant_id]
