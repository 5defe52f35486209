"""Verification whose results are counted: how much of what arrives passes SPF, DKIM, DMARC and ARC."""

from typing import Protocol

from mailserver.entities.figures import Figures
from mailserver.mail.authentication import Report
from mailserver.mail.envelope import Envelope
from mailserver.services.mailbox.acceptance import Content


class Verification(Protocol):
    """Whoever finds out who sent a message."""

    async def report(self, envelope: Envelope, content: Content) -> Report:
        """The findings."""
        ...


class CountedVerification:
    """Reports as the one behind it does, and counts."""

    def __init__(self, verification: Verification, figures: Figures) -> None:
        self._verification = verification
        self._results = figures.authentication

    async def report(self, envelope: Envelope, content: Content) -> Report:
        """The findings."""
        found = await self._verification.report(envelope, content)
        self._results[("spf", str(found.spf.status))] += 1
        self._results[("dmarc", str(found.dmarc.status))] += 1
        for signature in found.dkim:
            self._results[("dkim", str(signature.status))] += 1
        if found.arc is not None:
            self._results[("arc", str(found.arc.claim().result))] += 1
        return found
