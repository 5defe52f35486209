"""Canonical forms of headers and bodies for signatures (RFC 6376 3.4)."""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

STEP = 256 * 1024
_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n", re.MULTILINE)
_SPACES = re.compile(rb"[ \t]+")
_BLANKS = b" \t\r\n"


def fields(block: bytes) -> list[tuple[bytes, bytes]]:
    """Split a header block into (name in lower case, field as it stands with its CRLF)."""
    if not block.endswith(b"\n"):
        block += b"\r\n"
    return [(found[1].lower(), found[0]) for found in _FIELD.finditer(block)]


def relaxed_field(name: bytes, field: bytes) -> bytes:
    """RFC 6376 3.4.2, without the CRLF at the end."""
    value = field.partition(b":")[2]
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    if b"\t" in value or b"  " in value:
        value = _SPACES.sub(b" ", value)
    return name + b":" + value.strip(b" \t\r")


def simple_field(field: bytes) -> bytes:
    """RFC 6376 3.4.1, without the CRLF at the end."""
    return field.removesuffix(b"\n").removesuffix(b"\r")


@dataclass(frozen=True, slots=True)
class Form:
    """How a signature hashes the body: its canonical form, and the l= tag."""

    relaxed: bool
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class BodyDigest:
    """The SHA-256 of a body in one form. `length` counts what the form has, beyond its limit too."""

    octets: bytes
    length: int


def digests(chunks: Iterable[bytes | memoryview], forms: Collection[Form]) -> dict[Form, BodyDigest]:
    """Hash a body that comes in pieces in every form at once; each canonical form is made once."""
    bodies = {}
    for relaxed in {form.relaxed for form in forms}:
        limits = [form.limit for form in forms if form.relaxed is relaxed]
        bodies[relaxed] = BodyHash(relaxed=relaxed, limit=limits[0], more_limits=limits[1:])
    for chunk in chunks:
        for body in bodies.values():
            body.update(chunk)
    for body in bodies.values():
        body.digest()
    return {form: bodies[form.relaxed].limited(form.limit) for form in forms}


class BodyHash:
    """The SHA-256 of a body that comes in pieces, in either canonical form. `length` counts what the form has.

    Line ends are CRLF; a bare CR or LF is a letter like any other.
    """

    def __init__(
        self, *, relaxed: bool = True, limit: int | None = None, more_limits: Iterable[int | None] = ()
    ) -> None:
        self._hashes = {each: hashlib.sha256() for each in (limit, *more_limits)}
        self._relaxed = relaxed
        self._limit = limit
        self._lines = 0  # line ends that count only if something follows
        self._rest = b""  # a blank or CR behind them, of which the next piece decides
        self.length = 0

    def update(self, chunk: bytes | memoryview) -> None:
        """Take the next piece of the body."""
        if len(chunk) <= STEP:
            self._take(bytes(chunk))
            return
        view = memoryview(chunk)
        for at in range(0, len(view), STEP):
            self._take(bytes(view[at : at + STEP]))

    def digest(self) -> bytes:
        """The hash of all pieces; the body is over (RFC 6376 3.4.3, 3.4.4)."""
        rest = self._rest.rstrip(b" ") if self._relaxed else self._rest
        self._rest = b""
        if rest:
            self._write(rest)
        self._lines = 0
        if self.length or not self._relaxed:
            self._add(b"\r\n")
        return self._hashes[self._limit].digest()

    def limited(self, limit: int | None) -> BodyDigest:
        """The hash up to one of the limits, once the body is over."""
        return BodyDigest(self._hashes[limit].digest(), self.length)

    def _take(self, piece: bytes) -> None:
        piece = self._rest + piece
        if self._relaxed:
            piece = _relaxed(piece)
        solid = piece.rstrip(_BLANKS)
        self._write(solid)
        tail = piece[len(solid) :]
        border = tail.rfind(b"\r\n") + 2
        if border > 1:
            self._count_lines(tail[:border])
            tail = tail[border:]
        keep = len(tail) - tail.endswith(b"\r")
        if self._relaxed and keep and tail[keep - 1 : keep] == b" ":
            keep -= 1
        self._write(tail[:keep])
        self._rest = tail[keep:]

    def _count_lines(self, ends: bytes) -> None:
        count = ends.count(b"\r\n")
        if count * 2 != len(ends):  # a bare CR or LF, or blanks in the simple form, stand between them
            last = len(ends)
            while ends[last - 2 : last] == b"\r\n":
                last -= 2
            self._write(ends[:last])
            count = (len(ends) - last) // 2
        self._lines += count

    def _write(self, content: bytes) -> None:
        if not content:
            return
        while self._lines:
            count = min(self._lines, STEP)
            self._lines -= count
            self._add(b"\r\n" * count)
        self._add(content)

    def _add(self, content: bytes) -> None:
        for limit, digest in self._hashes.items():
            if limit is None:
                digest.update(content)
            elif self.length < limit:
                digest.update(content[: limit - self.length])
        self.length += len(content)


def _relaxed(piece: bytes) -> bytes:
    if b"\t" in piece:
        piece = piece.replace(b"\t", b" ")
    while b"  " in piece:  # each turn halves the longest run; splitting is faster than replacing
        piece = b" ".join(piece.split(b"  "))
    return piece.replace(b" \r\n", b"\r\n")
