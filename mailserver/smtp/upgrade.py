"""A connection that goes over to TLS by STARTTLS (RFC 3207)."""

from mailserver.smtp import handshake, pacing


class SecureConnection(pacing.Paced):
    """Shakes hands in a task, and is a new session afterwards."""

    __slots__ = ()

    def begin_tls(self) -> None:
        """Go over to TLS; what was sent in clear behind the command never counts (RFC 3207 4.2)."""
        self.enter_handshake(self._shake_hands())

    async def _shake_hands(self) -> None:
        listener, clear = self.listener, self.socket
        assert listener.tls is not None
        if clear is None or clear.is_closing():
            return
        shown = await handshake.start(clear, self, listener.tls, listener.limits.tls_handshake_seconds)
        if shown is None:
            listener.counts.connections[(listener.name, "tls_failed")] += 1
            clear.abort()
            self.connection_lost(None)  # neither asyncio nor uvloop calls it after a failed handshake
            return
        self.peer.start_tls(shown)
        self.leave_handshake(shown.transport)
