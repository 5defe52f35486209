"""Messages to be judged, as the filter is given them."""

from mailserver.mail import address, headers
from mailserver.mail.envelope import Envelope, Peer, Recipient
from mailserver.services.filtering.evidence import Evidence

FULL = (
    b"From: Ann <ann@remote.test>\r\nTo: agent@local.test\r\nSubject: Lunch on Friday\r\n"
    b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@remote.test>\r\n\r\nShall we meet at noon?\r\n"
)


def evidence(
    raw=FULL, *, peer="203.0.113.9", helo="mx.remote.test", sender="ann@remote.test", to=("agent@local.test",),
    inboxes=(1,), login=None, **more,
):  # fmt: skip
    head, _ = headers.split(raw[: 256 * 1024])

    async def whole():
        for start in range(0, len(raw), 100_000):
            yield raw[start : start + 100_000]

    envelope = Envelope(
        Peer(peer, 40000, helo, esmtp=True, login=login),
        address.parse(sender) if sender else None,
        tuple(Recipient(address.parse(one)) for one in to),
    )
    return Evidence(envelope, head, raw[: 256 * 1024], len(raw), tuple(inboxes), whole, **more)
