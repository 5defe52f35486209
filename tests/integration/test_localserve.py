"""localserve: an application sends to whomever it likes, and nothing leaves."""

import asyncio
import json
import os
import smtplib
from email.message import EmailMessage

import pytest

from tests.support.server import CommandFailed, Server
from tests.support.waiting import until

FREE = json.dumps(["127.0.0.1:0"])


@pytest.fixture
async def local(tmp_path):
    directory = tmp_path / "local"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILSERVER_")} | {
        "MAILSERVER_SMTP__MX_LISTEN": FREE,
        "MAILSERVER_SMTP__SUBMISSION_LISTEN": FREE,
        "MAILSERVER_SMTP__SUBMISSIONS_LISTEN": FREE,
        "MAILSERVER_HTTP__LISTEN": FREE,
        "MAILSERVER_QUEUE__RETRY_SECONDS": "[1]",
        "MAILSERVER_DNS__NAMESERVERS": '["127.0.0.1:9"]',  # nobody answers there, and nobody is asked
    }
    server = Server(tmp_path, environment, verb=("localserve", "--directory", str(directory)))
    await server.start()
    server.account = json.loads((directory / "credentials.json").read_text())
    try:
        yield server
    finally:
        await server.stop()


def letter(to, subject, sender="app@shop.example"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message.set_content("Hello")
    return message


def send(server, message):
    with smtplib.SMTP(*server.smtp, timeout=60) as client:
        client.send_message(message)


async def subjects(session, wanted):
    """The subjects in the inbox, once one is there."""

    async def there():
        async with session.get("/v1/messages/?folder=inbox") as answer:
            found = {row["subject"]: row for row in (await answer.json())["results"]}
        return found if wanted in found else None

    return await until(there)


async def test_whatever_an_application_sends_stays_and_can_be_read(local):
    async with local.session() as session:
        await asyncio.to_thread(send, local, letter("anybody@any.example", "by SMTP, without a login"))
        found = await subjects(session, "by SMTP, without a login")
        assert found["by SMTP, without a login"]["to"] == [{"email": "anybody@any.example"}]
        body = {"to": [{"email": "customer@remote.example"}], "subject": "by API", "text_body": "Hello"}
        async with session.post("/v1/messages/", json=body) as answer:
            assert answer.status == 201
        await subjects(session, "by API")
        for code, refusal in ((550, 550), (450, 452)):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
                await asyncio.to_thread(send, local, letter(f"anybody+{code}@any.example", "never"))
            assert next(iter(caught.value.recipients.values()))[0] == refusal
        body = {"to": [{"email": "gone+550@remote.example"}], "subject": "to nobody", "text_body": "Hello"}
        async with session.post("/v1/messages/", json=body) as answer:
            assert answer.status == 201
        await subjects(session, "Undelivered mail returned to sender")
    environment = {"MAILSERVER_CONFIG": str(local.directory / "local" / "mailserver.toml")}
    asking = Server(local.directory, local.environment | environment)

    async def is_empty():  # an outcome is written down behind the delivery
        return await asking.command("queue", "list") == []

    await until(is_empty)


async def test_a_directory_of_others_is_neither_served_nor_emptied(tmp_path):
    config = tmp_path / "mailserver.toml"
    config.write_text(f'data_dir = "{tmp_path}/data"\n')
    server = Server(tmp_path, dict(os.environ))
    with pytest.raises(CommandFailed, match="was not made by localserve") as caught:
        await server.command("localserve", "--directory", str(tmp_path), "--fresh")
    assert caught.value.code == 73
    assert config.exists()
    with pytest.raises(CommandFailed, match="mail would leave") as caught:
        await server.command("localserve", "--directory", str(tmp_path))
    assert caught.value.code == 78
    assert [path.name for path in tmp_path.iterdir()] == ["mailserver.toml"]


async def test_the_data_of_another_server_is_left_alone(tmp_path):
    server = Server(tmp_path, os.environ | {"MAILSERVER_DATA_DIR": str(tmp_path / "production")})
    with pytest.raises(CommandFailed, match="names the data of another server") as caught:
        await server.command("localserve", "--directory", str(tmp_path / "local"))
    assert caught.value.code == 78
    assert list(tmp_path.iterdir()) == []
