"""Build the filter from the settings."""

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor

from mailserver.entities.verdict import Thresholds
from mailserver.fetch import Fetch, FetchFailed
from mailserver.mail.peer_signs import Near
from mailserver.services.filtering import dns_lists
from mailserver.services.filtering.clamav import Clamav
from mailserver.services.filtering.dns_lists import DnsLists, HostLookup
from mailserver.services.filtering.evidence import Scanner, ScannerProblem
from mailserver.services.filtering.filter import Filter
from mailserver.services.filtering.greylist import Greylist
from mailserver.services.filtering.rspamd import Rspamd
from mailserver.settings.configuration import Settings
from mailserver.settings.sections import Filter as FilterSettings
from mailserver.storage.database import Database

CLAMD_PORT = 3310


def build(
    settings: Settings,
    database: Database,
    resolver: HostLookup,
    executor: Executor,
    fetch: Fetch,
    clock: Callable[[], int],
) -> Filter | None:
    """The filter with the lists and scanners that are set up; None where it is switched off."""
    wanted = settings.filter
    if not wanted.enabled:
        return None
    lists = [dns_lists.parse(each.zone, each.codes, each.kind) for each in wanted.dns_lists]
    greylist = Greylist(database, clock, wanted.greylist_seconds) if wanted.greylist_seconds else None
    return Filter(
        database, resolver, executor, DnsLists(lists, resolver), settings.hostname, clock,
        Thresholds(wanted.junk_score, wanted.reject_score or None), greylist, _scanners(wanted, fetch),
        wanted.deadline_seconds, Near(wanted.exempt_networks),
    )  # fmt: skip


class _Poster:
    """Posts to a URL that the operator has set, which may lead to this machine."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def post(
        self,
        url: str,
        body: bytes | AsyncIterator[bytes],
        headers: Sequence[tuple[str, str]],
        timeout_seconds: float,
        limit_bytes: int,
    ) -> tuple[int, bytes]:
        """The status and the answer; ScannerProblem where there is none."""
        try:
            answer = await self._fetch.post(
                url, body, headers=headers, timeout_seconds=timeout_seconds, limit_bytes=limit_bytes, https_only=False,
                trusted=True,
            )  # fmt: skip
        except FetchFailed as error:
            raise ScannerProblem(str(error)) from error
        return answer.status, answer.body


def _scanners(wanted: FilterSettings, fetch: Fetch) -> list[Scanner]:
    found: list[Scanner] = []
    if wanted.rspamd_url:
        password = wanted.rspamd_password.get_secret_value() if wanted.rspamd_password else None
        found.append(Rspamd(_Poster(fetch), wanted.rspamd_url, wanted.rspamd_timeout_seconds, password))
    if wanted.clamav:
        host, _, port = wanted.clamav.rpartition(":")
        found.append(
            Clamav(
                host.strip("[]") or wanted.clamav, int(port) if host else CLAMD_PORT, refuses=wanted.clamav_refuse,
                timeout_seconds=wanted.clamav_timeout_seconds,
            )
        )  # fmt: skip
    return found
