"""What systemd expects: sd_notify messages and inherited sockets (sd_notify(3), sd_listen_fds(3))."""

import asyncio
import os
import socket
from contextlib import suppress

FIRST_DESCRIPTOR = 3
STARTING_SECONDS = 60  # for which a start asks anew while it goes on: a large database takes its time


class Supervisor:
    """Tells the supervisor how the process is; silent where there is none."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        pid = os.environ.get("WATCHDOG_PID", "")
        watched = microseconds.isdigit() and pid in ("", str(os.getpid()))
        self._is_ready = asyncio.Event()
        self.watchdog_seconds = int(microseconds) / 1_000_000 if watched else None

    def notify(self, state: str) -> None:
        """Send a state such as `READY=1`."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender, suppress(OSError):
            sender.connect(address)
            sender.sendall(state.encode())

    def ready(self) -> None:
        """Everything is started."""
        self.notify("READY=1\nSTATUS=Mail is accepted")
        self._is_ready.set()

    async def watch(self) -> None:
        """Ask for more time until all is ready; from then on show twice in every interval that the event loop turns."""
        while not self._is_ready.is_set():
            self.notify(f"EXTEND_TIMEOUT_USEC={STARTING_SECONDS * 1_000_000}\nSTATUS=Preparing what is stored")
            with suppress(TimeoutError):
                async with asyncio.timeout(STARTING_SECONDS / 3):
                    await self._is_ready.wait()
        while self.watchdog_seconds is not None:
            self.notify("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_seconds / 2)


def inherited_sockets() -> dict[str, list[socket.socket]]:
    """The listening sockets that systemd has opened for us, by their FileDescriptorName."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[socket.socket]] = {}
    for index in range(count):
        descriptor = FIRST_DESCRIPTOR + index
        os.set_inheritable(descriptor, False)
        inherited = socket.socket(fileno=descriptor)
        inherited.setblocking(False)
        name = names[index] if index < len(names) and names[index] else "unknown"
        found.setdefault(name, []).append(inherited)
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(variable, None)
    return found
