"""Prove a name by a TXT record that the operator's own program publishes (RFC 8555 8.4)."""

import asyncio
import hashlib
import os
import signal
from contextlib import suppress
from pathlib import Path

from mailserver.certificates.acme import jws
from mailserver.certificates.acme.problem import Problem

LABEL = "_acme-challenge"
LONGEST_COMPLAINT = 300
KILLED_SECONDS = 5.0  # for a killed program's end to be seen


class DnsHook:
    """Solves dns-01: runs `PROGRAM present|cleanup NAME VALUE`, and kills what takes longer than its time.

    It has to return when the record can be seen at every name server of the zone.
    """

    type = "dns-01"

    def __init__(self, program: Path, seconds: float) -> None:
        self._program = program
        self._seconds = seconds

    async def present(self, name: str, token: str, key_authorization: str) -> None:
        """Publish the record; Problem where the program fails."""
        del token
        await self._run("present", f"{LABEL}.{name}", value(key_authorization))

    async def cleanup(self, name: str, token: str, key_authorization: str) -> None:
        """Take the record away; Problem where the program fails."""
        del token
        await self._run("cleanup", f"{LABEL}.{name}", value(key_authorization))

    async def _run(self, verb: str, name: str, text: str) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                str(self._program), verb, name, text, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise Problem("", f"The program {self._program} cannot be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._seconds):
                complaint = await _complaint(process)
                code = await process.wait()
        except TimeoutError as error:
            raise Problem("", f"{self._program} {verb} took longer than {self._seconds:g} seconds") from error
        finally:
            await _kill(process)
        if code:
            raise Problem("", f"{self._program} {verb} ended with {code}: {complaint}")


def value(key_authorization: str) -> str:
    """What the record has to say."""
    return jws.base64url(hashlib.sha256(key_authorization.encode("ascii")).digest())


async def _complaint(process: asyncio.subprocess.Process) -> str:
    """The end of what a program writes to stderr, which is read to its end so that the program does not block."""
    assert process.stderr is not None
    kept = b""
    while octets := await process.stderr.read(4096):
        kept = (kept + octets)[-LONGEST_COMPLAINT:]
    return " ".join(kept.decode("utf-8", "replace").split())


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End a program with all that it has started; nothing where it has ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(KILLED_SECONDS):
            await process.wait()
