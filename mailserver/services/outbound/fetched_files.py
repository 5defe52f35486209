"""Files that a client names by a URL: fetched from wherever they lie, within bounds."""

import posixpath
import urllib.parse

from mailserver.entities import errors
from mailserver.fetch import Fetch, FetchFailed
from mailserver.mail.compose import File
from mailserver.services.outbound import outgoing

FETCH_SECONDS = 20.0  # clients give a send up after a minute
REDIRECTS = 3
MOST_BYTES = 25 << 20


class FetchedFiles:
    """Fetches what is to be attached; a URL leads to nothing that is private."""

    def __init__(self, fetch: Fetch, *, https_only: bool) -> None:
        self._fetch = fetch
        self._https_only = https_only

    async def get(self, field: str, url: str, left_bytes: int = MOST_BYTES) -> File:
        """The file behind a URL; Invalid, naming the field, where it cannot be had."""
        try:
            found = await self._fetch.get(
                url, limit_bytes=min(left_bytes, MOST_BYTES), timeout_seconds=FETCH_SECONDS, redirects=REDIRECTS,
                https_only=self._https_only,
            )  # fmt: skip
        except FetchFailed as error:
            raise errors.Invalid(f"{error}.", **{field: f"{error}."}) from error
        if found.status != 200:
            sentence = f"The server of the file answered {found.status}."
            raise errors.Invalid(sentence, **{field: sentence})
        name = posixpath.basename(urllib.parse.unquote(urllib.parse.urlsplit(url).path))
        return File(
            outgoing.plain_name(name)[:200] or None, found.content_type or "application/octet-stream", found.body
        )
