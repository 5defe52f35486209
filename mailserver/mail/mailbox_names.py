"""Names of mailboxes in modified UTF-7 (RFC 3501 5.1.3), as IMAP and Maildir++ write them."""

import base64
import binascii


def decode(name: bytes) -> str:
    """The name that people see; one that is not written so is taken as UTF-8, or letter by letter."""
    try:
        return _decoded(name.decode("ascii"))
    except (UnicodeDecodeError, binascii.Error, ValueError):
        try:
            return name.decode()
        except UnicodeDecodeError:
            return name.decode("latin-1")


def encode(name: str) -> bytes:
    """The name as it is written."""
    found: list[str] = []
    held: list[str] = []

    def flush() -> None:
        if held:
            octets = "".join(held).encode("utf-16-be", "surrogatepass")
            found.append(f"&{base64.b64encode(octets).decode().rstrip('=').replace('/', ',')}-")
            held.clear()

    for letter in name:
        if " " <= letter <= "~":
            flush()
            found.append("&-" if letter == "&" else letter)
        else:
            held.append(letter)
    flush()
    return "".join(found).encode()


def _decoded(text: str) -> str:
    found: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "&":
            found.append(text[at])
            at += 1
            continue
        end = text.find("-", at)
        if end < 0:
            raise ValueError("a shift without its end")
        coded = text[at + 1 : end].replace(",", "/")
        if coded:
            octets = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
            found.append(octets.decode("utf-16-be"))
        else:
            found.append("&")
        at = end + 1
    return "".join(found)
