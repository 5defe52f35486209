"""A connection that begins in clear text and may go over to TLS, at once or by STARTTLS."""

from mailserver.smtp import handshake, protocol


class SecureConnection(protocol.Connection):
    """Runs both kinds of port through one handshake, so that a peer that never finishes it is counted and timed."""

    __slots__ = ()

    def begin_tls(self) -> None:
        """Go over to TLS; what was sent in clear behind the command never counts (RFC 3207 4.2)."""
        self.enter_handshake(self._shake_hands())

    async def _shake_hands(self) -> None:
        listener, clear = self.listener, self.socket
        assert listener.tls is not None
        self.forget_input()
        if clear is None or clear.is_closing():
            return
        shown = await handshake.accept(clear, self, listener.tls, listener.limits.tls_handshake_seconds)
        if shown is None:
            listener.counts.connections[(listener.name, "tls_failed")] += 1
            clear.abort()
            self.connection_lost(None)  # neither asyncio nor uvloop calls it after a failed handshake
            return
        self.peer.start_tls(shown)
        if listener.implicit_tls:
            self.answer_raw(listener.greeting)
        self.leave_handshake(shown.transport)
