"""mx.remote.org: takes every message into a file of /root/sink; says 451 to recipients while /root/defer is there."""

import asyncio
import os
from asyncio import StreamReader, StreamWriter
from pathlib import Path

SINK, DEFER = Path("/root/sink"), Path("/root/defer")


async def talk(reader: StreamReader, writer: StreamWriter) -> None:
    """One connection."""

    async def say(text: str) -> None:
        writer.write(text.encode() + b"\r\n")
        await writer.drain()

    await say("220 mx.remote.org ESMTP")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"EHLO":
            await say("250-mx.remote.org\r\n250 8BITMIME")
        elif verb == b"RCPT" and DEFER.exists():
            await say("451 4.7.1 Later")
        elif verb == b"DATA":
            await say("354 Go on")
            content = await reader.readuntil(b"\r\n.\r\n")
            store(content)
            await say("250 2.0.0 Taken")
        elif verb == b"QUIT":
            await say("221 Bye")
            break
        else:
            await say("250 Ok")
    writer.close()


def store(content: bytes) -> None:
    """Keep a message before it is said to be taken."""
    with (SINK / f"{len(list(SINK.iterdir())):05}").open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


async def main() -> None:
    """Serve until killed."""
    SINK.mkdir(exist_ok=True)
    await (await asyncio.start_server(talk, "192.88.99.130", 25)).serve_forever()


asyncio.run(main())
