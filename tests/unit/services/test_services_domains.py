"""Domains that people claim: no mail before they are shown to be theirs."""

import pytest

from mailserver.entities import errors
from mailserver.mail import address
from mailserver.mail.resolver import LookupFailed, Mx, MxAnswer, TextAnswer, TlsaAnswer
from mailserver.services.accounts.domain_checks import DomainChecks, RecordStatus
from mailserver.services.accounts.records import Record
from tests.support.served import served
from tests.support.zone import FakeResolver


class Zone(FakeResolver):
    """Answers from what a test puts into it."""

    def __init__(self):
        super().__init__()
        self.texts, self.hosts, self.exchanges, self.is_broken = {}, {}, {}, False

    async def text(self, name):
        if self.is_broken:
            raise LookupFailed(name)
        return TextAnswer(tuple(text.encode() for text in self.texts.get(name, ())), exists=True)

    async def mx(self, domain):
        return MxAnswer(tuple(Mx(10, host) for host in self.exchanges.get(domain, ())), exists=True)

    async def addresses(self, host):
        return tuple(self.hosts.get(host, ()))

    async def tlsa(self, name):
        del name
        return TlsaAnswer((), exists=False)


@pytest.fixture
def zone():
    return Zone()


async def claimed(site, name="claimed.test", **more):
    return await site.call("POST", "/v1/domains/", site.tokens["a session"], json={"domain": name, **more})


async def test_a_claimed_domain_takes_mail_once_its_record_is_there(tmp_path, zone):
    async with served(tmp_path, resolver=zone) as site:
        made = await claimed(site)
        assert made.status == 201
        assert made.json["status"] == "pending"
        names = {(row["type"], row["name"]) for row in made.json["dns_records"]}
        assert {("MX", "claimed.test"), ("TXT", "_dmarc.claimed.test"), ("TXT", "_gent-verify.claimed.test")} <= names
        session, routing = site.tokens["a session"], site.house.services.routing
        with pytest.raises(errors.RelayDenied):
            await routing.find(address.parse("x@claimed.test"))
        assert not await routing.is_local("claimed.test")
        inbox = {"address": "x@claimed.test"}
        assert (await site.call("POST", "/v1/inboxes/", session, json=inbox)).status == 409
        path = "/v1/domains/claimed.test"
        assert (await site.call("POST", f"{path}/verify/", session)).json["status"] == "pending"
        (record,) = [row for row in made.json["dns_records"] if row["name"].startswith("_gent-verify")]
        zone.texts[record["name"]] = ["something else", record["value"]]
        assert (await site.call("GET", f"{path}/check/", session)).json[
            "status"
        ] == "pending"  # looking changes nothing
        assert (await site.call("POST", f"{path}/verify/", session)).json["status"] == "verified"
        assert (await site.call("POST", "/v1/inboxes/", session, json=inbox)).status == 201
        assert (await routing.find(address.parse("x@claimed.test"))).destinations
        assert (await site.call("DELETE", f"{path}/", session)).status == 409
        gone = await site.call("DELETE", "/v1/inboxes/x@claimed.test/?purge=true", session)
        assert gone.status == 204
        assert (await site.call("DELETE", f"{path}/", session)).status == 204
        assert (await site.call("GET", f"{path}/", session)).status == 404
        assert (await claimed(site)).status == 201


async def test_a_claim_keeps_others_out_for_a_week(tmp_path, zone):
    async with served(tmp_path, resolver=zone) as site:
        assert (await claimed(site)).status == 201
        other = site.tokens["b session"]
        body = {"name": "CLAIMED.test."}
        assert (await site.call("POST", "/v1/domains/", other, json=body)).status == 409
        await site.house.store.database.write(
            lambda tx: tx.execute("UPDATE domain SET created_at = 1 WHERE name = 'claimed.test'")
        )
        assert (await site.call("POST", "/v1/domains/", other, json=body)).status == 201
        assert (await site.call("GET", "/v1/domains/claimed.test/", site.tokens["a session"])).status == 404
        assert (await claimed(site, "local.test")).status == 409


async def test_each_record_is_looked_at(zone):
    checks = DomainChecks(zone)
    zone.exchanges["d.test"] = ["other.test"]
    zone.texts["d.test"] = ["v=spf1 include:x.test mx -all", "google-site-verification=1"]
    zone.texts["_dmarc.d.test"] = ["v=DMARC1; p=none"]
    zone.texts["_smtp._tls.d.test"] = ["v=TLSRPTv1; rua=mailto:a@d.test"]
    records = [
        Record("MX", "d.test", "mail.test.", "", 10),
        Record("TXT", "d.test", "v=spf1 mx -all", ""),
        Record("TXT", "_dmarc.d.test", "v=DMARC1; p=quarantine", ""),
        Record("TXT", "x._domainkey.d.test", "v=DKIM1; p=abc", ""),
        Record("TXT", "_smtp._tls.d.test", "v=TLSRPTv1; rua=mailto:postmaster@d.test", ""),
    ]
    found = await checks.all(records)
    assert [one.status for one in found] == [
        RecordStatus.INVALID, RecordStatus.VALID, RecordStatus.INVALID, RecordStatus.MISSING, RecordStatus.VALID,
    ]  # fmt: skip
    assert found[0].found == ("10 other.test.",)
    assert found[1].found == ("v=spf1 include:x.test mx -all",)
    zone.texts["d.test"].append("v=spf1 -all")
    assert (await checks.all(records[1:2]))[0].status is RecordStatus.INVALID  # RFC 7208 4.5: two are none
    zone.is_broken = True
    assert (await checks.all(records[1:2]))[0].status is RecordStatus.UNKNOWN
