"""What the doctor says of HTTPS with a certificate that signed itself, as a new machine has it."""

import pytest

from mailserver.entities.health import Status
from mailserver.fetch import CertificateRejected, FetchFailed
from mailserver.services.health.ports import Ports
from mailserver.services.health.premises import Addresses, Live, Premises
from mailserver.services.health.sts_policy import StsPolicy
from tests.support.zone import FakeResolver

HOST, DOMAIN = "mail.local.test", "local.test"


class FailingWeb:
    def __init__(self, error):
        self._error = error

    async def get(self, _url, **_options):
        raise self._error


@pytest.fixture
def premises(tmp_path):
    return Premises(
        hostname=HOST, public_url=f"https://{HOST}", data_dir=tmp_path, runtime_dir=tmp_path, reserve_bytes=0,
        remote_port=25, smarthost=None, sts_mode="testing", sts_port=None, authorities=None,
        nameservers=("127.0.0.1:53",), addresses=("1.2.3.25",), dns_lists=(), signed_name=".",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (CertificateRejected(f"The certificate of {HOST} is not accepted: self-signed certificate"), "certificate"),
        (FetchFailed(f"Nobody answers at {HOST}"), "proxy"),
    ],
)
async def test_what_is_wrong_with_https_is_what_is_to_be_mended(premises, error, word):
    resolver, live = FakeResolver(), Live()
    live.serving({})
    (found,) = await Ports(premises, live, resolver, FailingWeb(error), Addresses(premises, resolver)).web()
    assert found.status is Status.WARNING
    assert str(error) in found.detail
    assert word in found.fix


async def test_a_certificate_that_senders_do_not_accept_is_said_once(premises):
    resolver = FakeResolver(txt={f"_mta-sts.{DOMAIN}": ["v=STSv1; id=1;"]})
    error = CertificateRejected(f"The certificate of mta-sts.{DOMAIN} is not accepted: self-signed certificate")
    (found,) = await StsPolicy(premises, resolver, FailingWeb(error)).look(DOMAIN)
    assert found.detail == f"{error}."
