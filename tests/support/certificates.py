"""An authority of our own and the certificates that it signs, good and bad."""

import datetime as dt
import itertools
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Made:
    """A certificate with its key. `pem` is what a server loads: the key, then the chain that it shows."""

    def __init__(self, certificate, key, chain=()):
        self.certificate, self.key, self.chain = certificate, key, chain

    @property
    def der(self):
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self):
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        shown = (self.certificate, *(one.certificate for one in self.chain))
        return key + b"".join(one.public_bytes(Encoding.PEM) for one in shown)


class Authority:
    """`Authority(tmp_path).server("mx.good.test", days=-1)` is a server's context with an expired certificate.

    An `is_old` one leaves out what RFC 5280 4.2.1 demands of authorities, and not all of them had.
    """

    _numbers = itertools.count()

    def __init__(self, directory: Path, name="An authority for tests", issuer=None, *, is_authority=True, is_old=False):
        self.directory = directory
        self.is_old = is_old
        self.issuer = issuer
        self.made = self._make(name, 3650, authority=is_authority)
        self.path = str(self._write(self.made.certificate.public_bytes(Encoding.PEM)))

    def leaf(self, name, days=30, names=None, *, shows_authority=False):
        """A certificate for a name, that ends so many days from now."""
        shown = []
        one = self if shows_authority or self.issuer is not None else None
        while one is not None and (one.issuer is not None or shows_authority):
            shown.append(one.made)
            one = one.issuer
        return self._make(name, days, (name,) if names is None else names, shown)

    def server(self, name, days=30, **more):
        """A server's context with such a certificate."""
        return self.context(self.leaf(name, days, **more))

    def context(self, made):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._write(made.pem))
        return context

    def _write(self, pem):
        path = self.directory / f"{next(self._numbers)}.pem"
        path.write_bytes(pem)
        return path

    def _make(self, name, days, names=None, chain=(), *, authority=False):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        by = (self.issuer.made if self.issuer else None) if names is None else self.made
        end = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(by.certificate.subject if by else subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(end - dt.timedelta(days=4000)).not_valid_after(end)
        )  # fmt: skip
        if not self.is_old:
            by_key = (by.key if by else key).public_key()
            own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            above = x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key)
            builder = builder.add_extension(own, critical=False).add_extension(above, critical=False)
        if names is None and not self.is_old:
            builder = builder.add_extension(_signing(), critical=True)
        if names is None:
            builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        elif names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            builder = builder.add_extension(alternatives, critical=False)
        return Made(builder.sign(by.key if by else key, hashes.SHA256()), key, chain)


def _signing():
    """What the key of an authority is for."""
    return x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
