"""One verb over a socket of the server, with octets behind it."""

import socket
from pathlib import Path
from typing import Any

import orjson

from mailserver.admin import address
from mailserver.cli import exits

ANSWER_SECONDS = 120.0


def ask(path: Path, verb: str, arguments: dict[str, Any], content: bytes) -> dict[str, Any] | None:
    """The server's answer; None where nobody listens, or the socket is for others."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            with address.short(path) as place:
                client.connect(place)
        except (FileNotFoundError, ConnectionRefusedError, PermissionError):
            return None
        request = orjson.dumps({"verb": verb, "arguments": arguments, "octets": len(content)})
        try:
            client.sendall(request + b"\n" + content)
            with client.makefile("rb") as answers:
                line = answers.readline()
        except OSError as error:
            exits.fail(exits.TEMPORARY, f"The server did not answer on {path}: {error}.")
    if not line:
        exits.fail(exits.TEMPORARY, "The server closed the connection; it may be stopping. Try again.")
    answer: dict[str, Any] = orjson.loads(line)
    return answer
