"""What the doctor says of the machine, theme by theme."""

import asyncio
import datetime as dt
import time
from dataclasses import replace

import pytest

from mailserver.entities import errors, identifiers
from mailserver.entities.access import ALL_SCOPES, Caller, Credential
from mailserver.entities.health import Finding, Status, worst
from mailserver.services.certification.states import CertificateState
from mailserver.services.health import greeting, permissions
from mailserver.services.health.backups import Backups
from mailserver.services.health.block_lists import BlockLists
from mailserver.services.health.certificate import CertificateCheck
from mailserver.services.health.doctor import MOST_DOMAINS, Wish
from mailserver.services.health.examination import Check, Examination
from mailserver.services.health.greeting import NoGreeting
from mailserver.services.health.premises import Addresses, Live, Premises
from mailserver.services.health.resolving import Resolving
from mailserver.storage import tenants
from mailserver.storage.backups import note
from mailserver.storage.backups.note import Note
from tests.support.certificates import Authority
from tests.support.inside import inside
from tests.support.zone import FAILS, FakeResolver

ADDRESS, LIST, HOST = "1.2.3.25", "list.test", "mail.local.test"
LISTED, NEVER, OURS = f"2.0.0.127.{LIST}", f"1.0.0.127.{LIST}", f"25.3.2.1.{LIST}"


def premises(tmp_path, **more):
    given = {
        "hostname": HOST, "public_url": f"https://{HOST}", "data_dir": tmp_path, "runtime_dir": tmp_path,
        "reserve_bytes": 0, "remote_port": 25, "smarthost": None, "sts_mode": "testing", "sts_port": None,
        "authorities": None, "nameservers": ("127.0.0.1:53",), "addresses": (ADDRESS,), "dns_lists": (LIST,),
        "signed_name": "signed.test",
    }  # fmt: skip
    return Premises(**given | more)


def ok(name):
    return [Finding(name, Status.OK, "It is well.")]


async def test_a_check_that_fails_hangs_or_is_well_is_a_finding_each():
    async def breaks():
        raise ZeroDivisionError

    async def hangs():
        await asyncio.sleep(60)

    async def well():
        return ok("well")

    found = await Examination(1).run(
        [Check("breaks", breaks), Check("hangs", hangs, seconds=0.05), Check("well", well)]
    )
    assert [(each.check, each.status) for each in found] == [
        ("breaks", Status.FAILED), ("hangs", Status.FAILED), ("well", Status.OK),
    ]  # fmt: skip
    assert "ZeroDivisionError" in found[0].detail
    assert "no result" in found[1].detail
    assert worst(found) is Status.FAILED
    assert worst([Finding("a", Status.SKIPPED, "")]) is Status.OK


async def test_what_there_is_no_time_for_is_said_to_be_skipped():
    async def slow():
        await asyncio.sleep(0.2)
        return ok("slow")

    found = await Examination(1).run([Check("slow", slow)] * 3, within_seconds=0.1)
    assert [each.status for each in found] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]


async def test_no_more_than_a_few_checks_run_at_a_time():
    running = most = 0

    async def look():
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return ok("one")

    assert len(await Examination(3).run([Check("one", look)] * 12)) == 12
    assert most == 3


@pytest.mark.parametrize(
    ("hosts", "status", "word"),
    [
        ({LISTED: ["127.0.0.2"]}, Status.OK, "has none"),
        ({LISTED: ["127.0.0.2"], OURS: ["127.0.0.4"]}, Status.FAILED, "127.0.0.4"),
        ({LISTED: ["127.255.255.254"], OURS: ["127.255.255.254"]}, Status.SKIPPED, "does not serve"),
        ({LISTED: ["127.0.0.2"], NEVER: ["127.0.0.2"], OURS: ["127.0.0.2"]}, Status.SKIPPED, "may be gone"),
        ({LISTED: ["127.0.0.2"], OURS: ["93.184.216.34"]}, Status.OK, "has none"),
        ({}, Status.SKIPPED, "does not list what every list has"),
        ({LISTED: FAILS}, Status.SKIPPED, "gave no answer"),
    ],
)
async def test_a_list_is_believed_once_it_has_shown_that_it_is_honest(tmp_path, hosts, status, word):
    place, resolver = premises(tmp_path), FakeResolver(hosts=hosts)
    (found,) = await BlockLists(place, resolver, Addresses(place, resolver)).look()
    assert (found.status, found.subject) == (status, LIST)
    assert word in found.detail


async def test_a_private_address_is_in_no_list(tmp_path):
    place, resolver = premises(tmp_path, addresses=("10.0.0.1",)), FakeResolver()
    (found,) = await BlockLists(place, resolver, Addresses(place, resolver)).look()
    assert found.status is Status.SKIPPED
    assert not resolver.asked


@pytest.mark.parametrize(
    ("nameserver", "authentic", "status"),
    [
        ("127.0.0.1:53", True, Status.OK),
        ("[::1]:53", True, Status.OK),
        ("192.0.2.53", True, Status.WARNING),
        ("127.0.0.1", False, Status.WARNING),
    ],
)
async def test_a_resolver_is_trusted_that_validates_on_this_machine(tmp_path, nameserver, authentic, status):
    resolver = FakeResolver(txt={"signed.test": []}, authentic={"signed.test"} if authentic else set())
    first, second = await Resolving(premises(tmp_path, nameservers=(nameserver,)), resolver).look()
    assert first.status is Status.OK
    assert second.status is status


class Liar(FakeResolver):
    """Has an answer for every name."""

    async def addresses(self, host):
        return ("192.0.2.80",)


async def test_a_resolver_that_invents_answers_is_found_out(tmp_path):
    first, _ = await Resolving(premises(tmp_path), Liar()).look()
    assert first.status is Status.FAILED
    assert "192.0.2.80" in first.detail


@pytest.mark.parametrize(
    ("days", "names", "check", "status"),
    [
        (30, (HOST,), "certificate.dates", Status.OK),
        (5, (HOST,), "certificate.dates", Status.WARNING),
        (-1, (HOST,), "certificate.dates", Status.FAILED),
        (30, ("*.local.test",), "certificate.name", Status.OK),
        (30, ("other.test",), "certificate.name", Status.FAILED),
        (30, (), "certificate.name", Status.FAILED),
    ],
)
async def test_a_certificate_is_held_against_the_name_and_the_day(tmp_path, days, names, check, status):
    made = Authority(tmp_path).leaf(HOST, days=days, names=names)
    found = await CertificateCheck(premises(tmp_path), Live(), lambda: made.der, untroubled).look()
    assert next(each for each in found if each.check == check).status is status


async def untroubled():
    return []


async def test_what_an_authority_refuses_is_told(tmp_path):
    async def states():
        return [
            CertificateState(HOST, (), (), "", "", None, None, None, 1, "rateLimited: too many", 1_800_000_000_000, "")
        ]

    made = Authority(tmp_path).leaf(HOST)
    found = await CertificateCheck(premises(tmp_path), Live(), lambda: made.der, states).look()
    (trouble,) = [each for each in found if each.check == "certificate.acme"]
    assert trouble.status is Status.FAILED
    assert "rateLimited: too many" in trouble.detail
    assert "2027-01-15 08:00" in trouble.detail


async def test_without_a_certificate_there_is_nothing_to_say(tmp_path):
    (found,) = await CertificateCheck(premises(tmp_path), Live(), lambda: None, untroubled).look()
    assert found.status is Status.SKIPPED


async def test_a_backup_gets_old(tmp_path):
    now = int(dt.datetime(2026, 11, 22, tzinfo=dt.UTC).timestamp() * 1000)
    backups = Backups(premises(tmp_path), None, lambda: now)
    assert (await backups.look())[0].status is Status.WARNING
    await backups.finished("/backups/one", 7)
    assert note.read(tmp_path) == Note(now, "/backups/one", 7)
    found = (await backups.look())[0]
    assert found.status is Status.OK
    assert "/backups/one" in found.detail
    assert "7 messages" in found.detail
    note.write(tmp_path, Note(now - 3 * 86_400_000, "/backups/one", 7))
    assert (await backups.look())[0].status is Status.WARNING
    (tmp_path / note.NAME).write_bytes(b'{"finished_at": 1')
    assert (await backups.look())[0].status is Status.WARNING


async def test_what_belongs_to_nobody_here_is_seen(tmp_path):
    data = tmp_path / "data"
    (data / "keys").mkdir(parents=True)
    data.chmod(0o750)
    secret = data / "keys" / "a.pem"
    secret.write_text("secret")
    secret.chmod(0o640)
    found = await permissions.Permissions(premises(data), Live(), None).look()
    stands = {each.check: each for each in found}
    assert stands["permissions.data"].status is Status.WARNING
    assert stands["permissions.keys"].status is Status.FAILED
    assert str(secret) in stands["permissions.keys"].fix
    assert stands["permissions.owner"].status is Status.OK


async def scripted(*lines):
    """A server that says lines, one for each that it hears, the first at once."""

    async def serve(reader, writer):
        for line in lines:
            writer.write(line)
            await writer.drain()
            if not await reader.readline():
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ((b"554 go away\r\n",), "554 go away"),
        ((), "closed"),
        ((b"220 x\r\n", b"250-a\r\n" * 500), "does not end"),
        ((b"220 " + b"x" * 100_000 + b"\r\n",), "127.0.0.1 port"),
        ((b"SSH-2.0-OpenSSH\r\n",), "SSH-2.0"),
    ],
)
async def test_whoever_is_no_mail_server_is_told_so(lines, word):
    server, port = await scripted(*lines)
    async with server:
        with pytest.raises(NoGreeting, match=word):
            await greeting.ask("127.0.0.1", port, HOST)


async def test_a_port_that_is_closed_is_told_so():
    server, port = await scripted()
    server.close()
    await server.wait_closed()
    with pytest.raises(NoGreeting, match=f"127.0.0.1 port {port}"):
        await greeting.ask("127.0.0.1", port, HOST)


async def test_a_greeting_without_tls_has_no_certificate():
    server, port = await scripted(b"220 mx.test ESMTP\r\n", b"250-mx.test\r\n250 PIPELINING\r\n", b"221 bye\r\n")
    async with server:
        found = await greeting.ask("127.0.0.1", port, HOST)
    assert (found.banner, found.extensions, found.certificate) == ("mx.test ESMTP", frozenset({"PIPELINING"}), None)


def owner(tenant_id, *, is_owner=True):
    return Caller(tenant_id, Credential.SESSION, 1, ALL_SCOPES, user_id=1, is_owner=is_owner)


async def test_an_owner_sees_the_machine_only_where_it_is_theirs(tmp_path):
    async with inside(tmp_path / "one") as house:
        tenant = house.account.tenant.id
        report = await house.services.health.doctor.report(owner(tenant))
        assert report.with_server
        assert {each.check for each in report.findings} >= {"disk.room", "queue", "dns.mx", "webhooks"}
        assert await house.services.health.doctor.report(owner(tenant)) is report
        with pytest.raises(errors.Forbidden):
            await house.services.health.doctor.report(owner(tenant, is_owner=False))
    async with inside(tmp_path / "two") as house:
        other = await house.services.bootstrap.run("other.test", "agent@other.test", "correct horse battery")
        for tenant, domain in ((house.account.tenant.id, "local.test"), (other.tenant.id, "other.test")):
            report = await house.services.health.doctor.report(owner(tenant))
            assert not report.with_server
            assert {each.subject for each in report.findings} == {domain, ""}
            assert {each.check.partition(".")[0] for each in report.findings} <= {
                "dns", "spf", "dkim", "mta-sts", "webhooks",
            }  # fmt: skip
    async with inside(tmp_path / "two", health={"operator": "other.test"}) as house:
        assert (await house.services.health.doctor.report(owner(other.tenant.id))).with_server
        first = await house.services.domains.all()
        mine = next(each.tenant_id for each in first if each.name == "local.test")
        assert not (await house.services.health.doctor.report(owner(mine))).with_server


async def test_many_domains_are_looked_at_in_part(tmp_path):
    async with inside(tmp_path) as house:
        tenant = house.account.tenant.id
        known = (await house.services.domains.all())[0]

        def add(tx):
            for number in range(MOST_DOMAINS + 4):
                tenants.add_domain(tx, replace(known, id=number + 1, name=f"d{number:03}.test"))

        await house.store.database.write(add)
        report = await house.services.health.doctor.report(owner(tenant))
        left = [each for each in report.findings if "were not looked at" in each.detail]
        assert "5 further" in left[0].detail
        assert len({each.subject for each in report.findings if each.check.startswith("dns")} - {""}) == MOST_DOMAINS


async def test_lost_files_and_a_damaged_database_are_told(tmp_path):
    async with inside(tmp_path) as house:
        for number in range(3):
            await house.receive(b"From: a@remote.test\r\nSubject: %d\r\n\r\nHello.\r\n" % number)
        await house.settled()
        doctor = house.services.health.doctor
        (found,) = await doctor.examine(Wish(only=("files",)))
        assert (found.status, found.detail) == (Status.OK, "3 files of a sample are there.")
        place = next(house.store.files.places())
        house.store.files.path(place).unlink()
        (found,) = await doctor.examine(Wish(only=("files",)))
        assert found.status is Status.FAILED
        assert place in found.detail
        (found,) = await doctor.examine(Wish(only=("database.size",)))
        assert found.status is Status.OK
        (first, *_) = await doctor.examine(Wish(only=("database",)))
        assert (first.status, first.detail) == (Status.OK, "It is whole.")


async def test_mail_that_was_put_off_is_told_by_destination(tmp_path):
    async with inside(tmp_path) as house:
        inbox = house.account.inbox
        for name in ("b@far.test", "c@far.test", "d@near.test"):
            await house.submit(b"From: agent@local.test\r\nTo: x@far.test\r\n\r\nHello.\r\n", inbox, to=(name,))
        await house.settled()

        def put_off(tx):
            tx.execute("UPDATE delivery SET attempts = 3, last_reply = '421 busy' WHERE domain = 'far.test'")
            tx.execute("UPDATE delivery SET created_at = created_at - ?", (2 * 86_400_000,))

        await house.store.database.write(put_off)
        queue, *deferred = await house.services.health.doctor.examine(Wish(only=("queue",)))
        assert queue.status is Status.WARNING
        assert "3 deliveries wait" in queue.detail
        assert "2.0 days" in queue.detail
        assert [(each.subject, each.detail) for each in deferred] == [("far.test", "2 were put off: 421 busy")]


async def test_webhooks_that_fail_are_told_to_their_tenant_alone(tmp_path):
    async with inside(tmp_path) as house:
        tenant = house.account.tenant.id

        def add(tx):
            for number, whose in ((1, tenant), (2, tenant + 1)):
                tx.execute(
                    "INSERT INTO webhook_endpoint(id, tenant_id, origin, url, host, description, event_types, "
                    "header_names, secret, enabled, failing_since, lease_until, blocked_until, waiting, created_at, "
                    "updated_at) VALUES (?, ?, 'gent', 'https://x', ?, '', '[]', '[]', x'00', 1, 1, 0, 0, 4, 1, 1)",
                    (number, whose, f"hook{number}.test:443"),
                )

        await house.store.database.write(add)
        report = await house.services.health.doctor.report(owner(tenant))
        (found,) = [each for each in report.findings if each.check == "webhooks"]
        assert found.status is Status.WARNING
        assert "hook1.test" in found.detail
        assert "hook2.test" not in found.detail
        (found,) = await house.services.health.doctor.examine(Wish(only=("webhooks",)))
        assert "2 fail" in found.detail


async def test_a_clock_that_went_back_is_noticed(tmp_path):
    async with inside(tmp_path) as house:
        ahead = identifiers.first_at(int(time.time() * 1000) + 600_000)
        await house.store.database.write(lambda tx: tx.execute("UPDATE inbox SET id = ?", (ahead,)))
        found = await house.services.health.doctor.examine(Wish(only=("clock",)))
        assert next(each for each in found if each.check == "clock.back").status is Status.FAILED
