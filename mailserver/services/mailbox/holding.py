"""What a running server does for a backup that is taken beside it: store what it has promised, and keep files."""

import asyncio

from mailserver.entities import errors
from mailserver.services.mailbox.stage import Stage
from mailserver.storage.files import MessageFiles
from mailserver.storage.journal import Journal

HOLD_SECONDS = 600.0  # whoever copies says again and again that it goes on; nobody has to say that it has ended
STORED_SECONDS = 120.0  # for what stands in the journal to be stored
LOOK_SECONDS = 0.05


class Holding:
    """The copying itself is done by the process that asks, which reads files and database as they lie there."""

    def __init__(self, journal: Journal, stage: Stage, message_files: MessageFiles) -> None:
        self._journal = journal
        self._stage = stage
        self._files = message_files

    async def begin(self) -> None:
        """From here on no message file goes, and what was promised before is in the tables. Temporary where not."""
        self.renew()
        if not self._journal.appended:
            return  # what earlier runs had left was stored before any port was open
        promised = self._journal.promised
        try:
            async with asyncio.timeout(STORED_SECONDS):
                while self._stage.applied < promised:  # noqa: ASYNC110  the stage rings for nobody
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            raise errors.Temporary(
                f"What has been accepted was not stored within {STORED_SECONDS:.0f} seconds; the log says why."
            ) from error

    def renew(self) -> None:
        """Keep files for a further while."""
        self._files.hold(HOLD_SECONDS)
