"""`jmapc`, a Python client that knows nothing of us, over TLS and with a password: it reads, writes and sends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jmapc
from jmapc import methods

from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.server import PASSWORD, Server, running_server
from tests.support.waiting import LONGEST_SECONDS


@asynccontextmanager
async def _over_tls(directory: Path) -> AsyncIterator[tuple[Server, jmapc.Client]]:
    """An appliance that serves HTTPS under the name localhost, and a client that has logged in."""
    directory.mkdir()
    authority = Authority(directory)
    pem = directory / "localhost.pem"
    pem.write_bytes(authority.leaf("localhost").pem)
    port = free_port()
    async with running_server(
        directory / "server", http__listen=[f"127.0.0.1:{port}"], http__tls=True,
        http__public_url=f"https://localhost:{port}", tls__certificate=str(pem), tls__key=str(pem),
    ) as server:  # fmt: skip
        client = jmapc.Client.create_with_password(f"localhost:{port}", "agent@local.test", PASSWORD)
        client.requests_session.verify = authority.path
        client.requests_session.trust_env = False  # or a bundle of the environment would be asked instead
        yield server, client


async def test_a_client_reads_writes_sends_and_receives(tmp_path: Path) -> None:
    async with _over_tls(tmp_path / "tls") as (server, client):
        found = await asyncio.to_thread(_work, client, tmp_path)
        assert "jmap.method.failed" not in server.log
        assert found == "Re: A letter by jmapc"


def _work(client: jmapc.Client, directory: Path) -> str:
    def ask(method: methods.Method):
        return client.request(method, raise_errors=True, single_response=True)

    assert client.account_id
    boxes = {box.role: box.id for box in ask(methods.MailboxGet(ids=None)).data}
    assert set(boxes) == {"inbox", "drafts", "sent", "archive", "junk", "trash"}
    query = methods.MailboxQuery(filter=jmapc.MailboxQueryFilterCondition(role="inbox"))
    assert ask(query).ids == [boxes["inbox"]]
    made = ask(methods.MailboxSet(create={"m": jmapc.Mailbox(name="By jmapc")})).created["m"]
    (identity,) = ask(methods.IdentityGet()).data
    assert identity.email == "agent@local.test"

    attached = directory / "notes.txt"
    attached.write_text("some notes\n")
    blob = client.upload_blob(attached)
    file = jmapc.EmailBodyPart(blob_id=blob.id, type="text/plain", name="notes.txt", disposition="attachment")
    me = jmapc.EmailAddress(name="The Agent", email="agent@local.test")
    draft = jmapc.Email(
        mail_from=[me], to=[me], subject="A letter by jmapc", keywords={"$draft": True},
        mailbox_ids={boxes["drafts"]: True},
        body_values={"body": jmapc.EmailBodyValue(value="Grüße from jmapc\n")},
        text_body=[jmapc.EmailBodyPart(part_id="body", type="text/plain")],
        attachments=[file],
    )  # fmt: skip
    answers = client.request(
        [
            methods.EmailSet(create={"draft": draft}),
            methods.EmailSubmissionSet(
                create={
                    "sent": jmapc.EmailSubmission(
                        email_id="#draft", identity_id=identity.id,
                        envelope=jmapc.Envelope(
                            mail_from=jmapc.Address(email="agent@local.test"),
                            rcpt_to=[jmapc.Address(email="agent@local.test")],
                        ),
                    )
                },
                on_success_update_email={"#sent": {"keywords/$draft": None, "mailboxIds": {boxes["sent"]: True}}},
            ),
        ],
        raise_errors=True,
    )  # fmt: skip
    email_set, submission_set = answers[0].response, answers[1].response
    sent_id = email_set.created["draft"].id
    submission = submission_set.created["sent"]
    assert submission.id
    (sent,) = ask(methods.EmailGet(ids=[sent_id])).data
    assert sent.mailbox_ids == {boxes["sent"]: True}
    assert sent.keywords == {}

    received = _received(client, boxes["inbox"])
    (email,) = ask(
        methods.EmailGet(
            ids=[received], fetch_all_body_values=True,
            properties=["subject", "from", "bodyValues", "textBody", "attachments", "keywords", "threadId", "preview"],
        )
    ).data  # fmt: skip
    assert email.mail_from == [me]
    assert email.body_values[email.text_body[0].part_id].value == "Grüße from jmapc\n"
    target = directory / "got.txt"
    client.download_attachment(email.attachments[0], target)
    assert target.read_text() == "some notes\n"

    def is_delivered() -> bool:
        (shown,) = ask(methods.EmailSubmissionGet(ids=[submission.id])).data
        return bool(shown.delivery_status["agent@local.test"].delivered == jmapc.Delivered.YES)

    _until(is_delivered)  # which is written down behind the message

    (snippet,) = ask(
        methods.SearchSnippetGet(
            ids=[received], filter=jmapc.EmailQueryFilterCondition(text="jmapc")
        )
    ).data  # fmt: skip
    assert "<mark>jmapc</mark>" in snippet.subject
    state = ask(methods.EmailGet(ids=[])).state
    ask(methods.EmailSet(update={received: {"keywords/$seen": True, f"mailboxIds/{made.id}": True}}))
    told = ask(methods.EmailChanges(since_state=state))
    assert told.updated == [received]
    (thread,) = ask(methods.ThreadGet(ids=[email.thread_id])).data
    assert set(thread.email_ids) >= {received}

    answer = jmapc.Email(
        mail_from=[me], to=[me], subject="Re: A letter by jmapc", in_reply_to=email.message_id,
        mailbox_ids={boxes["drafts"]: True}, body_values={"b": jmapc.EmailBodyValue(value="again")},
        text_body=[jmapc.EmailBodyPart(part_id="b", type="text/plain")],
    )  # fmt: skip
    written = ask(methods.EmailSet(create={"a": answer})).created["a"]
    destroyed = ask(methods.EmailSet(destroy=[received])).destroyed
    assert destroyed == [received]
    return str(ask(methods.EmailGet(ids=[written.id])).data[0].subject)


def _received(client: jmapc.Client, inbox: str) -> str:
    """What the client sent to itself, once it lies in the inbox."""
    condition = jmapc.EmailQueryFilterCondition(in_mailbox=inbox)
    query = methods.EmailQuery(filter=condition, sort=[jmapc.Comparator(property="receivedAt", is_ascending=False)])
    ids = _until(lambda: client.request(query, raise_errors=True, single_response=True).ids)
    return str(ids[0])


def _until(question: Callable[[], Any]) -> Any:
    """Ask until the answer is something, in the thread of a client that blocks."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not (found := question()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


async def test_the_session_is_plain_json_that_every_client_can_read(tmp_path: Path) -> None:
    async with _over_tls(tmp_path / "tls") as (_, client):
        session = await asyncio.to_thread(lambda: client.jmap_session)
        assert session.api_url.startswith("https://localhost:")
        assert json.loads(session.to_json())["username"] == "agent@local.test"
