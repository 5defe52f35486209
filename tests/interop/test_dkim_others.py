"""What we sign, others verify, and the other way round: OpenDKIM as it is installed, and dkimpy."""

import asyncio
import subprocess
import time

import dkim as dkimpy
import pytest

from mailserver.mail import dkim, results
from tests.support import opendkim, waiting
from tests.support.milter import Milter
from tests.support.opendkim import OpenDkim
from tests.support.ports import free_port
from tests.support.zone import NameServer

MISSING = opendkim.missing()
needs_opendkim = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
AT = int(time.time())
PEM, PUBLIC = dkim.generate("rsa-sha256")
KEY = dkim.SigningKey("local.test", "r", "rsa-sha256", dkim.load_key(PEM))
RECORD = dkim.record(PUBLIC)
HEAD = (
    b"From: Alice <alice@local.test>\r\nTo: bob@remote.test\r\nSubject: Hello there\r\n"
    b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@local.test>\r\n"
)
CORPUS = {
    "plain": HEAD + b"\r\nHello\r\n",
    "odd folding": HEAD.replace(b"Hello there", b"Hello\r\n\tthere\r\n   and\t \r\n  here") + b"\r\nx\r\n",
    "fold behind the name": HEAD.replace(b"Subject: Hello there", b"Subject:\r\n Hello there") + b"\r\nx\r\n",
    "tabs": HEAD.replace(b"Subject: Hello there", b"Subject:\tHello\t\tthere\t") + b"\r\n\ttabs\t\tand \t blanks\t\r\n",
    "eight bits": HEAD.replace(b"Hello there", "Grüße \U0001f600".encode()) + "\r\nJörg\r\n".encode(),
    "latin 1": HEAD.replace(b"Hello there", b"Gr\xfc\xdfe") + b"\r\nJ\xf6rg\r\n",
    "empty body": HEAD + b"\r\n",
    "no last line end": HEAD + b"\r\nHello",
    "only blank lines": HEAD + b"\r\n\r\n\r\n\r\n",
    "blank lines at the end": HEAD + b"\r\nHello\r\n\r\n\r\n",
    "lines of blanks": HEAD + b"\r\nHello  \r\n \t\r\n  \r\nmore \r\n \r\n",
    "blanks behind a field": HEAD.replace(b"Hello there", b"Hello there  \t") + b"\r\nx\r\n",
    "a field twice": HEAD + b"To: carol@remote.test\r\nReply-To: x@local.test\r\n\r\nx\r\n",
    "names in odd case": HEAD.replace(b"Subject", b"sUbJeCt").replace(b"From", b"FROM") + b"\r\nx\r\n",
    "an empty field": HEAD + b"Cc: \r\nReply-To:\r\n\r\nx\r\n",
    "colons": HEAD.replace(b"Hello there", b"a: b: c; d=e; b=f") + b"\r\nx\r\n",
    "long lines": HEAD + b"\r\n" + b"a b  c\t" * 20_000 + b"\r\n",
    "dots": HEAD + b"\r\n.\r\n..\r\n.x\r\n",
    "one megabyte": HEAD + b"\r\n" + b"some  words \tof text \r\n" * 45_000,
}
FORMS = [b"relaxed/relaxed", b"relaxed/simple", b"simple/relaxed", b"simple/simple"]
SIGNED_NAMES = [b"from", b"to", b"subject", b"date", b"message-id", b"cc", b"reply-to"]


def by_us(message):
    (result,) = dkim.verify(message, lambda name: RECORD.encode() if name == "r._domainkey.local.test" else None, AT)
    return result.status.value, result.reason


@pytest.fixture
async def names():
    halves = f'"{RECORD[:200]}" "{RECORD[200:]}"'
    text = (
        "@ 60 SOA ns.local.test. x.local.test. 1 60 60 60 60\n@ 60 NS ns\nns 60 A 127.0.0.1\n"
        f"r._domainkey 60 TXT {halves}\n"
    )
    async with NameServer("local.test.", text) as server:
        yield server


@needs_opendkim
async def test_opendkim_verifies_what_we_sign(tmp_path, names):
    verdicts = {}
    async with OpenDkim(tmp_path / "opendkim", f"127.0.0.1:{names.port}", ["local.test"]) as verifier:
        for name, message in CORPUS.items():
            signature = dkim.sign(message, (KEY,), AT)
            async with Milter(verifier.port) as milter:
                added = await milter.show(signature + message)
            async with Milter(verifier.port) as milter:
                broken = await milter.show(signature + message.replace(b"Date: Sat", b"Date: Sun"))
            verdicts[name] = verdict(added), verdict(broken)
    assert verdicts == dict.fromkeys(CORPUS, ("pass", "fail"))


def verdict(added):
    read = results.parse(added.partition(b":")[2])
    assert read.authserv_id == "verifier.test", added
    return next((claim.result for claim in read.claims if claim.method == "dkim"), "none")


class Signer:
    """OpenDKIM with our key."""

    def __init__(self, directory, forms):
        self.directory, self.forms, self.port = directory, forms, free_port()

    async def __aenter__(self):
        self.directory.mkdir()
        (self.directory / "key.pem").write_bytes(PEM)
        (self.directory / "key.pem").chmod(0o600)
        config = self.directory / "opendkim.conf"
        config.write_text(
            f"Mode s\nSocket inet:{self.port}@127.0.0.1\nDomain local.test\nSelector r\nSyslog no\nUserID root\n"
            f"KeyFile {self.directory}/key.pem\nCanonicalization {self.forms}\nInternalHosts 127.0.0.1\n"
            f"RequireSafeKeys no\nTemporaryDirectory {self.directory}\nOversignHeaders From\n"
        )
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(["/usr/sbin/opendkim", "-f", "-x", str(config)], stdout=log, stderr=log)
        if not await asyncio.to_thread(waiting.until_listening, self.port, self.process):
            raise AssertionError((self.directory / "log").read_text())
        return self

    async def __aexit__(self, *_exc):
        self.process.kill()  # asked to stop, it waits five seconds for nothing
        await asyncio.to_thread(self.process.wait, 60)


@needs_opendkim
@pytest.mark.parametrize("forms", FORMS)
async def test_we_verify_what_opendkim_signs(tmp_path, forms):
    verdicts = {}
    async with Signer(tmp_path / "opendkim", forms.decode()) as signer:
        for name, message in CORPUS.items():
            async with Milter(signer.port) as milter:
                field = await milter.show(message, sender="alice@local.test")
            assert field.startswith(b"DKIM-Signature:"), field
            assert b"c=" + forms in field or forms == b"simple/simple"
            verdicts[name] = by_us(field + message)
    assert verdicts == dict.fromkeys(CORPUS, ("pass", ""))


@pytest.mark.parametrize("name", CORPUS)
def test_dkimpy_verifies_what_we_sign(name):
    message = dkim.sign(CORPUS[name], (KEY,), AT) + CORPUS[name]
    assert dkimpy.verify(message, dnsfunc=lambda name, timeout=5: RECORD.encode())


@pytest.mark.parametrize("forms", FORMS)
@pytest.mark.parametrize("name", CORPUS)
def test_we_verify_what_dkimpy_signs(name, forms):
    header, body = forms.split(b"/")
    field = dkimpy.sign(
        CORPUS[name], b"r", b"local.test", PEM, canonicalize=(header, body), include_headers=SIGNED_NAMES
    )
    assert by_us(field + CORPUS[name]) == ("pass", "")
