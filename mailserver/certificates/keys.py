"""Private keys in files: made, read, and written so that a crash leaves the old one or the new one."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

PRIVATE = 0o600


def make() -> bytes:
    """Make a key of the kind that every mail server and browser reads, in PEM."""
    return write(ec.generate_private_key(ec.SECP256R1()))


def write(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key in PEM, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Read such a key; ValueError where it is none."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key is none on the curve P-256")  # noqa: TRY004  it is what the file says that is wrong
    return key


def public(pem: bytes) -> bytes:
    """The public half, as SubjectPublicKeyInfo in DER."""
    return (
        read(pem).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def replace(path: Path, content: bytes) -> None:
    """Write a whole private file in one step, synced. Blocks."""
    enclose(path.parent)
    fresh = path.with_name(f".{path.name}.new")
    put(fresh, content)
    fresh.rename(path)
    sync(path.parent)


def enclose(directory: Path) -> None:
    """Make a directory, and those that it lies in, for nobody else to look into. Blocks."""
    if not directory.exists():
        enclose(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def put(path: Path, content: bytes) -> None:
    """Write a private file and sync it. Blocks."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), PRIVATE)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(directory: Path) -> None:
    """Make the names in a directory last. Blocks."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
