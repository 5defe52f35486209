"""Other people's clients: smtplib, swaks, Postfix's smtp-source."""

import asyncio
import shutil
import smtplib

import pytest

from tests.support import smtp_services
from tests.support.smtp_services import PASSWORD


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return smtp_services.make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def server(certificate):
    async with smtp_services.running(certificate) as running:
        yield running


def OverTls(trust):
    """smtplib's SMTP_SSL, with the name that the certificate has in place of the address."""

    class Client(smtplib.SMTP):
        def _get_socket(self, host, port, timeout):
            return trust.wrap_socket(super()._get_socket(host, port, timeout), server_hostname="mx.local.test")

    return Client


def program(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


async def run(*command):
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()


async def test_smtplib_delivers_to_port_25(server):
    def send():
        host, port = server.mx.split(":")
        with smtplib.SMTP(host, int(port)) as client:
            client.ehlo("remote.test")
            assert client.has_extn("dsn")
            return client.sendmail(
                "a@remote.test", ["agent@local.test", "nobody@local.test"], "Subject: x\n\n.dot\nend", ["BODY=8BITMIME"]
            )

    refused = await asyncio.to_thread(send)
    assert list(refused) == ["nobody@local.test"]
    assert refused["nobody@local.test"][0] == 550
    assert server.services.accepted[0].content == b"Subject: x\r\n\r\n.dot\r\nend\r\n"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_smtplib_submits_on_both_ports(server, certificate, mechanism):
    def send(implicit):
        host, port = (server.submissions if implicit else server.submission).split(":")
        client = (OverTls(certificate.trust) if implicit else smtplib.SMTP)(host, int(port))
        if not implicit:
            client._host = "mx.local.test"
            client.starttls(context=certificate.trust)
        with client:
            client.ehlo("laptop.test")
            client.user, client.password = "agent@local.test", PASSWORD
            client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()))
            client.sendmail("agent@local.test", ["bob@remote.test"], "Subject: x\n\nhello")

    await asyncio.to_thread(send, False)
    await asyncio.to_thread(send, True)
    assert [message.envelope.protocol for message in server.services.accepted] == ["ESMTPSA", "ESMTPSA"]


@program("swaks")
@pytest.mark.parametrize("auth", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("implicit", [False, True])
async def test_swaks_submits(server, implicit, auth):
    code, output = await run(
        "swaks",
        "--server",
        server.submissions if implicit else server.submission,
        "--tls-on-connect" if implicit else "--tls",
        *("--from", "agent@local.test", "--to", "bob@remote.test"),
        *("--auth", auth, "--auth-user", "agent@local.test", "--auth-password", PASSWORD),
    )
    assert code == 0, output
    assert len(server.services.accepted) == 1


@program("swaks")
async def test_swaks_pipelines_to_port_25(server):
    code, output = await run(
        "swaks",
        "--server",
        server.mx,
        "--pipeline",
        "--from",
        "a@remote.test",
        "--to",
        "agent@local.test,slow@local.test",
    )
    assert code == 0, output
    assert len(server.services.accepted[0].envelope.recipients) == 2


@program("smtp-source")
async def test_smtp_source_delivers_in_parallel(server):
    code, output = await run(
        "smtp-source", "-s", "10", "-m", "200", "-l", "4096", "-f", "a@remote.test", "-t", "agent@local.test", server.mx
    )
    assert code == 0, output
    assert len(server.services.accepted) == 200
    assert all(4000 < len(message.content) < 4400 for message in server.services.accepted)
