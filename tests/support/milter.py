"""The mail server's side of the milter protocol: enough to show a message to a filter and hear what it adds."""

import asyncio
import struct

VERSION = 6
ADD_HEADERS = 0x01
LEADING_SPACE = 0x100000  # header values come with the blank behind the colon
CHUNK = 65_535


class Milter:
    """One connection to a filter on loopback, for one message."""

    def __init__(self, port):
        self._port = port

    async def __aenter__(self):
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self._send(b"O", struct.pack("!III", VERSION, 0x1FF, 0x1FFFFF))
        code, answer = await self._receive()
        assert code == b"O", code
        self._steps = struct.unpack("!III", answer[:12])[2]
        return self

    async def __aexit__(self, *_exc):
        await self._send(b"Q")
        self._writer.close()

    async def show(self, raw, sender="a@local.test", recipient="b@remote.test"):
        """The header fields that the filter puts before a message, as octets."""
        head, _, body = raw.partition(b"\r\n\r\n")
        if body and not body.endswith(b"\r\n"):  # SMTP knows nothing but lines
            body += b"\r\n"
        await self._ask(0x00, b"C", b"mx.local.test\x004" + struct.pack("!H", 4711) + b"127.0.0.1\x00")
        await self._ask(0x02, b"H", b"mx.local.test\x00")
        await self._ask(0x04, b"M", b"<" + sender.encode() + b">\x00")
        await self._ask(0x08, b"R", b"<" + recipient.encode() + b">\x00")
        for field in fields(head):
            name, _, value = field.partition(b":")
            if not self._steps & LEADING_SPACE:
                value = value.removeprefix(b" ")
            await self._ask(0x20, b"L", name + b"\x00" + value.replace(b"\r\n", b"\n") + b"\x00")
        await self._ask(0x40, b"N", b"")
        for at in range(0, len(body), CHUNK):
            await self._ask(0x10, b"B", body[at : at + CHUNK])
        await self._send(b"E")
        added = b""
        while True:
            code, answer = await self._receive()
            if code in (b"i", b"h"):
                added = self._field(answer[4:] if code == b"i" else answer) + added
            elif code == b"p":
                continue
            else:
                assert code in (b"c", b"a"), (code, answer)
                return added

    def _field(self, answer):
        name, value, _ = answer.split(b"\x00")
        blank = b"" if self._steps & LEADING_SPACE else b" "
        return name + b":" + blank + value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"

    async def _ask(self, unwanted, code, payload):
        steps = {b"C": 0x01, b"H": 0x02, b"M": 0x04, b"R": 0x08, b"B": 0x10, b"L": 0x20, b"N": 0x40}
        silent = {b"L": 0x80, b"C": 0x1000, b"H": 0x2000, b"M": 0x4000, b"R": 0x8000, b"N": 0x40000, b"B": 0x80000}
        if self._steps & steps[code]:
            return
        await self._send(code, payload)
        if self._steps & silent[code]:
            return
        answer, text = await self._receive()
        assert answer in (b"c", b"s"), (code, answer, text)

    async def _send(self, code, payload=b""):
        self._writer.write(struct.pack("!I", len(payload) + 1) + code + payload)
        await self._writer.drain()

    async def _receive(self):
        (length,) = struct.unpack("!I", await asyncio.wait_for(self._reader.readexactly(4), 60))
        answer = await self._reader.readexactly(length)
        return answer[:1], answer[1:]


def fields(head):
    found = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and found:
            found[-1] += b"\r\n" + line
        else:
            found.append(line)
    return found
