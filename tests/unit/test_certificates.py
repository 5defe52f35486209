"""What listeners show, and the proofs that need a listener or a program."""

import asyncio
import datetime as dt
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError

from mailserver.certificates import leaf
from mailserver.certificates.acme import dns_hook, problem
from mailserver.certificates.acme.dns_hook import DnsHook
from mailserver.certificates.acme.problem import Problem
from mailserver.certificates.acme.tls_alpn import IDENTIFIER, PROTOCOL, TlsAlpn
from mailserver.certificates.pairs import Pairs
from mailserver.certificates.served import CertificateProblem, Certificates, Source
from mailserver.settings.acme import Acme
from tests.support.certificates import Authority

HOST = "mail.local.test"


def certificates(directory, operator=None):
    found = Certificates(operator, operator, directory / "tls", HOST, Pairs(directory / "tls/acme"))
    found.load()
    return found


def save(directory, name, made):
    """Keep a pair as it comes from an authority."""
    key, _, chain = made.pem.partition(b"-----BEGIN CERTIFICATE-----")
    Pairs(directory / "tls/acme").save(name, b"-----BEGIN CERTIFICATE-----" + chain, key)


async def shown(context, name, *, protocols=()):
    """The names of the certificate that a listener with this context shows, with its protocol."""

    async def serve(_reader, writer):
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    if protocols:
        client.set_alpn_protocols(protocols)
    try:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        wire = writer.get_extra_info("ssl_object")
        certificate = x509.load_der_x509_certificate(wire.getpeercert(binary_form=True))
        writer.close()
        return certificate, wire.selected_alpn_protocol()
    finally:
        server.close()


async def names(context, name, **more):
    certificate, _ = await shown(context, name, **more)
    return leaf.read(certificate.public_bytes(Encoding.PEM)).names


async def test_https_shows_the_certificate_of_each_name_and_mail_the_hosts_own(tmp_path):
    authority = Authority(tmp_path)
    save(tmp_path, HOST, authority.leaf(HOST))
    save(
        tmp_path,
        "@local.test",
        authority.leaf("mta-sts.local.test", names=("mta-sts.local.test", "autoconfig.local.test")),
    )
    save(tmp_path, "@old.test", authority.leaf("mta-sts.old.test", days=-1))
    found = certificates(tmp_path)
    assert [(one.name, one.source) for one in found.shown] == [(HOST, Source.ACME), ("@local.test", Source.ACME)]
    assert await names(found.https, "AutoConfig.local.test") == ("mta-sts.local.test", "autoconfig.local.test")
    assert await names(found.https, "mta-sts.old.test") == (HOST,)
    assert await names(found.https, "nothing.test") == (HOST,)
    assert await names(found.context, "autoconfig.local.test") == (HOST,)
    save(tmp_path, HOST, authority.leaf(HOST, names=(HOST, "more.test")))
    found.load()
    assert await names(found.https, HOST) == await names(found.context, HOST) == (HOST, "more.test")


async def test_the_proof_is_shown_to_the_authority_and_to_nobody_else(tmp_path):
    found = certificates(tmp_path)
    solver = TlsAlpn(found.challenges)
    await solver.present(HOST, "token", "token.thumbprint")
    certificate, protocol = await shown(found.https, HOST, protocols=[PROTOCOL])
    assert protocol == PROTOCOL
    extension = certificate.extensions.get_extension_for_oid(IDENTIFIER)
    assert extension.critical
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"token.thumbprint")
    assert extension.value.value == b"\x04\x20" + digest.finalize()
    for more in ({}, {"protocols": ["http/1.1"]}, {"protocols": ["http/1.1", PROTOCOL]}):
        certificate, protocol = await shown(found.https, HOST, **more)
        assert certificate.public_bytes(Encoding.DER) == found.der
        assert protocol is None
    certificate, _ = await shown(found.context, HOST, protocols=[PROTOCOL])  # port 25 has no part in it
    assert certificate.public_bytes(Encoding.DER) == found.der
    await solver.cleanup(HOST, "token", "token.thumbprint")
    certificate, _ = await shown(found.https, HOST, protocols=[PROTOCOL])
    assert certificate.public_bytes(Encoding.DER) == found.der


async def test_what_cannot_be_used_leaves_what_was_served(tmp_path):
    authority = Authority(tmp_path)
    path = tmp_path / "own.pem"
    path.write_bytes(authority.leaf(HOST).pem)
    save(tmp_path, HOST, authority.leaf(HOST, names=(HOST, "acme.test")))
    found = certificates(tmp_path, path)
    assert found.shown[0].source is Source.OPERATOR
    before = found.der
    whole = path.read_bytes()
    other = authority.leaf(HOST)
    mixed = other.pem.split(b"-----BEGIN CERT")[0] + whole[whole.index(b"-----BEGIN CERT") :]
    for broken in (whole[:200], b"", b"-----BEGIN CERTIFICATE-----\n", mixed):
        path.write_bytes(broken)
        with pytest.raises(CertificateProblem, match=r"own\.pem"):
            found.load()
        assert found.der == before
        assert await names(found.https, HOST) == (HOST,)
    path.unlink()
    with pytest.raises(CertificateProblem, match=r"Check tls\.certificate"):
        found.load()


def test_a_damaged_pair_gives_way_to_the_one_before_it(tmp_path):
    authority = Authority(tmp_path)
    pairs = Pairs(tmp_path / "tls/acme")
    for number in range(4):
        save(tmp_path, HOST, authority.leaf(HOST, names=(HOST, f"n{number}.test")))
    assert sorted(path.name for path in (tmp_path / "tls/acme" / HOST).iterdir()) == ["3", "4"]
    pairs.newest(HOST).chain.write_bytes(b"")
    assert pairs.newest(HOST).leaf.names == (HOST, "n2.test")
    save(tmp_path, HOST, authority.leaf(HOST, names=(HOST, "n4.test")))
    pairs.newest(HOST).key.unlink()
    assert pairs.newest(HOST) is None  # the one before it is damaged, too
    save(tmp_path, HOST, authority.leaf(HOST))
    assert pairs.newest(HOST).leaf.names == (HOST,)


def test_a_profile_is_signed_by_a_certificate_that_others_know_and_by_no_other(tmp_path):
    assert certificates(tmp_path).sign(b"profile") is None
    authority = Authority(tmp_path)
    save(tmp_path, HOST, authority.leaf(HOST, shows_authority=True))
    (tmp_path / "signed").write_bytes(certificates(tmp_path).sign(b"profile"))
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", tmp_path / "signed", "-CAfile", authority.path]
    done = subprocess.run([*command, "-purpose", "any"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"profile"), done.stderr


def test_the_key_of_the_self_signed_certificate_outlives_it(tmp_path):
    first = certificates(tmp_path)
    (tmp_path / "tls/self-signed.pem").unlink()
    second = certificates(tmp_path)
    assert second.der != first.der
    assert second.shown[0].leaf.public_key == first.shown[0].leaf.public_key


def test_a_certificate_is_called_what_rfc_9773_calls_it():
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    identifier = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")  # the example of RFC 9773 4.1
    certificate = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).public_key(key.public_key())
        .serial_number(0x87654321).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.AuthorityKeyIdentifier(identifier, None, None), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    found = leaf.read(certificate.public_bytes(Encoding.PEM))
    assert found.renewal_id == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def program(tmp_path, text):
    path = tmp_path / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_the_program_gets_the_records_name_and_value(tmp_path):
    hook = DnsHook(program(tmp_path, f'echo "$@" >> {tmp_path}/said'), 10)
    await hook.present("a.test", "token", "token.thumbprint")
    await hook.cleanup("a.test", "token", "token.thumbprint")
    value = dns_hook.value("token.thumbprint")
    assert len(value) == 43
    said = (tmp_path / "said").read_text().splitlines()
    assert said == [f"{verb} _acme-challenge.a.test {value}" for verb in ("present", "cleanup")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("echo no zone >&2; exit 3", "present ended with 3: no zone"),
        ("yes | head -c 3000000 >&2; echo the end >&2; exit 1", "ended with 1: .*the end"),
        ("kill -9 $$", "ended with -9"),
        ("exec sleep 60", "longer than 2 seconds"),
        ("sleep 61 & sleep 61", "longer than 2 seconds"),
    ],
)
async def test_a_program_that_fails_or_hangs_is_ended_with_all_that_it_started(tmp_path, text, complaint):
    seconds = 2 if "sleep" in text else 60
    path = program(tmp_path, f"echo $$ > {tmp_path}/pid\n{text}")
    began = time.monotonic()
    with pytest.raises(Problem, match=complaint):
        await DnsHook(path, seconds).present("a.test", "token", "token.thumbprint")
    assert time.monotonic() - began < 50
    group = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _lives(group):
        await asyncio.sleep(0.02)
    assert not _lives(group)


def _lives(group):
    """Whether anything of a process group runs; what only waits to be reaped does not."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


async def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Problem, match="hook cannot be run: No such file"):
        await DnsHook(tmp_path / "hook", 1).present("a.test", "token", "token.thumbprint")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 22 Nov 2026 01:00:00 GMT", 3600.0),
        ("9" * 50, 604_800.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(text, seconds):
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC).timestamp()
    assert problem.retry_after({"retry-after": text}, now) == seconds


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"challenge": "dns-01"}, "needs dns_hook"),
        ({"binding_key_id": "k"}, "go together"),
        ({"binding_key_id": "k", "binding_secret": "not base64!"}, "base64url"),
        ({"directory": "http://ca.test/dir"}, "directory"),
        ({"challenge": "http"}, "challenge"),
    ],
)
def test_settings_that_cannot_work_are_refused(section, complaint):
    with pytest.raises(ValidationError, match=complaint):
        Acme(**section)


def test_only_the_proof_by_http_opens_a_port():
    assert not Acme().has_listener
    assert Acme(enabled=True).has_listener
    assert not Acme(enabled=True, dns_hook="/x").has_listener
    assert not Acme(enabled=True, challenge="tls-alpn-01").has_listener
    assert not Acme(enabled=True, http_listen=[]).has_listener
