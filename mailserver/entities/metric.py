"""Numbers about what happened and about how much there is."""

from dataclasses import dataclass
from enum import StrEnum


class UsageType(StrEnum):
    """What there is more or less of."""

    STORAGE_BYTES = "storage_bytes"
    MESSAGE_COUNT = "message_count"
    THREAD_COUNT = "thread_count"
    INBOX_COUNT = "inbox_count"
    POD_COUNT = "pod_count"
    DOMAIN_COUNT = "domain_count"


OF_INBOX = (UsageType.STORAGE_BYTES, UsageType.MESSAGE_COUNT, UsageType.THREAD_COUNT)
OF_POD = (*OF_INBOX, UsageType.INBOX_COUNT, UsageType.DOMAIN_COUNT)
OF_TENANT = tuple(UsageType)


@dataclass(frozen=True, slots=True)
class Extent:
    """What numbers are about: a tenant, a pod of it or an inbox of it."""

    tenant_id: int
    pod_id: int | None = None
    inbox_id: int | None = None

    @property
    def usage_types(self) -> tuple[UsageType, ...]:
        """What there can be more or less of in it."""
        if self.inbox_id is not None:
            return OF_INBOX
        return OF_TENANT if self.pod_id is None else OF_POD


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that happened, as it is counted; `recipients` is how many people a sent message went to."""

    id: int
    tenant_id: int
    inbox_id: int
    name: str
    at: int
    recipients: int = 1


@dataclass(frozen=True, slots=True)
class UsageLevel:
    """How much there was of everything, from a time on until the next level."""

    at: int
    storage_bytes: int
    message_count: int
    thread_count: int
    inbox_count: int
    pod_count: int
    domain_count: int

    def value(self, kind: UsageType) -> int:
        """How much of one thing."""
        found: int = getattr(self, kind.value)
        return found
