"""One verb over a socket of the server, with octets behind it."""

import socket
from pathlib import Path
from typing import Any

import orjson

from mailserver.admin import address
from mailserver.cli import exits


def ask(
    path: Path, verb: str, arguments: dict[str, Any], content: bytes = b"", seconds: float = 120.0
) -> dict[str, Any] | None:
    """The server's answer, or the end with its sentence; None where nobody listens.

    PermissionError where the socket is for others.
    """
    request: dict[str, Any] = {"verb": verb, "arguments": arguments}
    if content:
        request["octets"] = len(content)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(seconds)
        try:
            with address.short(path) as place:
                client.connect(place)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        try:
            client.sendall(orjson.dumps(request) + b"\n" + content)
            with client.makefile("rb") as answers:
                line = answers.readline()
        except OSError as error:
            exits.fail(exits.TEMPORARY, f"The server did not answer on {path}: {error}.")
    if not line:
        exits.fail(exits.TEMPORARY, "The server closed the connection; it may be stopping. Try again.")
    answer: dict[str, Any] = orjson.loads(line)
    return answer
