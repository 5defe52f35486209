"""The way in to a port with implicit TLS (RFC 8314 3.3).

`loop.create_server(ssl=...)` shows a connection only after its handshake. Here it is counted before, so that peers
that connect and never finish one are bounded like all others.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable

from mailserver.smtp.listener import Listener
from mailserver.smtp.protocol import Connection

NO_DESCRIPTOR_SECONDS = 1.0  # before accepting again when the process or the machine has run out of something


class Gate:
    """Accepts on one listening socket until it is closed."""

    def __init__(
        self,
        listening: socket.socket,
        listener: Listener,
        make: Callable[[], Connection],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._listening = listening
        self._listener = listener
        self._make = make
        self._tasks = tasks
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting = tasks.create_task(self._accept())

    def close(self) -> None:
        """Accept no more, and give up the handshakes that are under way."""
        self._accepting.cancel()
        for task in tuple(self._handshakes):
            task.cancel()
        self._listening.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, address = await loop.sock_accept(self._listening)
            except ConnectionAbortedError:
                continue
            except OSError:
                self._listener.log.exception("smtp.accept.failed")
                await asyncio.sleep(NO_DESCRIPTOR_SECONDS)
                continue
            refusal = self._listener.admit(address[0])
            if refusal:
                self._listener.log.info("smtp.connection.refused", peer=address[0], reply=refusal.line)
                peer.close()
                continue
            task = self._tasks.create_task(self._shake_hands(peer, address[0]))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, peer: socket.socket, address: str) -> None:
        listener = self._listener
        assert listener.tls is not None
        receiver = self._make()
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: receiver,
                peer,
                ssl=listener.tls.context,
                ssl_handshake_timeout=listener.limits.tls_handshake_seconds,
            )
        except (OSError, ssl.SSLError) as error:
            listener.counts.connections[(listener.name, "tls_failed")] += 1
            self._listener.log.info("smtp.tls.failed", peer=address, reason=str(error))
        finally:
            if not receiver.was_admitted:
                listener.door.leave(address)
                peer.close()
