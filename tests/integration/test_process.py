"""The process as a supervisor sees it: notifications, inherited sockets, reload, and clear ends."""

import asyncio
import contextlib
import datetime as dt
import os
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import database_file
from tests.support.ports import free_port
from tests.support.server import Server, environment, running_server
from tests.support.waiting import until

UNITS = Path(__file__).parents[2] / "systemd"


async def test_the_supervisor_hears_ready_watchdog_and_stopping(tmp_path):
    heard = []
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(60)
        more = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
        async with running_server(tmp_path / "server", more=more) as server:
            while heard.count(b"WATCHDOG=1") < 3 or b"READY=1" not in heard:
                heard += (await asyncio.to_thread(listener.recv, 200)).split(b"\n")
            assert await server.stop() == 0
        with contextlib.suppress(TimeoutError):
            listener.settimeout(0.2)
            while True:
                heard += listener.recv(200).split(b"\n")
    assert heard.index(b"READY=1") < heard.index(b"STOPPING=1")
    # A start that takes long, such as an upgrade of a large database, is not given up by systemd.
    assert heard.index(b"EXTEND_TIMEOUT_USEC=60000000") < heard.index(b"READY=1")
    assert [line for line in heard if line.startswith(b"STATUS=")] == [
        b"STATUS=Preparing what is stored", b"STATUS=Mail is accepted", b"STATUS=Finishing what is in hand",
    ]  # fmt: skip


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd-socket-activate is not installed")
async def test_ports_come_from_systemd_so_that_no_root_is_needed(tmp_path):
    directory = tmp_path / "server"
    directory.mkdir()
    server = Server(directory, environment(directory, smtp__mx_listen=["127.0.0.1:1"]))
    await server.bootstrap()
    port = free_port()
    process = subprocess.Popen(
        ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=smtp",
         *[f"--setenv={name}" for name in server.environment if name.startswith("MAILSERVER_")],
         sys.executable, "-m", "mailserver", "serve"],
        env=server.environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:

        def deliver():
            with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
                client.sendmail("a@elsewhere.test", ["agent@local.test"], "Subject: inherited\r\n\r\nx\r\n")

        async with asyncio.timeout(60):
            while True:
                try:
                    await asyncio.to_thread(deliver)
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.1)
    finally:
        process.terminate()
        process.wait(60)


def certificate(path, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)


def shown_name(address):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(address, timeout=60) as plain, context.wrap_socket(plain) as wrapped:
        shown = x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True))
    return shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


async def is_shown(server, name):
    return await asyncio.to_thread(shown_name, server.submissions) == name


async def test_sighup_shows_the_new_certificate_and_keeps_the_old_one_where_the_new_is_broken(tmp_path):
    path = tmp_path / "both.pem"
    certificate(path, "first.test")
    async with running_server(tmp_path / "server", tls__certificate=str(path)) as server:
        assert await asyncio.to_thread(shown_name, server.submissions) == "first.test"
        certificate(path, "second.test")
        os.kill(server.pid, signal.SIGHUP)
        await until(lambda: is_shown(server, "second.test"))
        path.write_text("not a certificate")
        os.kill(server.pid, signal.SIGHUP)
        await until(lambda: "server.reload.failed" in server.log)
        assert await asyncio.to_thread(shown_name, server.submissions) == "second.test"


async def test_a_long_directory_still_has_its_admin_socket(tmp_path):
    directory = tmp_path / ("a" * 60) / ("b" * 60)
    async with running_server(directory) as server:
        assert [row["domain"] for row in await server.command("domain", "list")] == ["local.test"]
        code, said = await ended(server, "domain", "add", "other.test")
        assert code == 0, said
        assert len(await server.command("domain", "list")) == 2


async def ended(server, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver", *arguments, env=server.environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        _, stderr = await process.communicate()
    return process.returncode, stderr.decode()


async def test_a_second_server_on_the_same_directory_is_refused_with_a_sentence(tmp_path):
    async with running_server(tmp_path) as server:
        code, said = await ended(Server(tmp_path, environment(tmp_path)), "serve")
        assert code == 69
        assert "in use by another mailserver process" in said
        assert server.process.returncode is None


async def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for setting in ("smtp__mx_listen", "http__listen"):
            server = Server(tmp_path, environment(tmp_path, **{setting: [f"127.0.0.1:{port}"]}))
            code, said = await ended(server, "serve")
            assert code == 69
            assert str(port) in said


async def test_an_unknown_setting_ends_with_78_and_the_nearest_name(tmp_path):
    server = Server(tmp_path, environment(tmp_path) | {"MAILSERVER_LIMITS__RECIPIENT": "5"})
    code, said = await ended(server, "serve")
    assert code == 78
    assert "MAILSERVER_LIMITS__RECIPIENTS" in said


async def test_a_newer_or_broken_database_is_refused_and_left_as_it_is(tmp_path):
    async with running_server(tmp_path) as server:
        pass
    with database_file.writing(tmp_path / "data") as database:
        database.execute("INSERT INTO schema_migration(name, applied) VALUES ('9999_future', '2099-01-01')")
    code, said = await ended(server, "serve")
    assert code == 78
    assert "newer version" in said
    path = tmp_path / "data" / "mailserver.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    for leftover in ("-wal", "-shm"):
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    code, said = await ended(server, "serve")
    assert code == 69
    assert "not a usable database" in said
    assert path.read_bytes().startswith(b"this is no database")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_units_are_valid_and_hardened():
    units = sorted(map(str, UNITS.iterdir()))
    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNITS / "mailserver.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert rated.returncode == 0, rated.stdout[-300:]
