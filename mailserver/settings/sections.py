"""The tables of the configuration file, one for each room; the limits are beside them."""

import ipaddress
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from mailserver.mail import address as addresses
from mailserver.mail.address import AddressError
from mailserver.settings.section import DAYS, HOURS, Section

RETRY_SECONDS = (60, 300, 900, 1800, 1 * HOURS, 2 * HOURS, 4 * HOURS, 8 * HOURS)


class Smtp(Section):
    """Where mail arrives."""

    mx_listen: tuple[str, ...] = ("0.0.0.0:25", "[::]:25")
    submission_listen: tuple[str, ...] = ("0.0.0.0:587", "[::]:587")
    submissions_listen: tuple[str, ...] = ("0.0.0.0:465", "[::]:465")
    plus_separator: str = Field("+", max_length=1)
    hide_client_address: bool = True
    save_sent: bool = True


class Http(Section):
    """Where the APIs are served."""

    listen: tuple[str, ...] = ("127.0.0.1:8080",)
    public_url: str = ""
    tls: bool = False
    metrics_token: SecretStr | None = Field(None, min_length=16)


class Tls(Section):
    """The certificate of SMTP and, where it is on, of HTTP."""

    certificate: Path | None = None
    key: Path | None = None


class Dns(Section):
    """Which resolvers are asked."""

    nameservers: tuple[str, ...] = ()
    timeout_seconds: float = Field(10, gt=0, le=60)


class Queue(Section):
    """How mail leaves."""

    remote_port: int = Field(25, ge=1, le=65535)
    smarthost: str | None = None
    smarthost_user: str | None = None
    smarthost_password: SecretStr | None = None
    retry_seconds: tuple[float, ...] = RETRY_SECONDS
    retry_jitter: float = Field(0.2, ge=0, le=0.5)
    lifetime_seconds: float = Field(5 * DAYS, gt=0)
    delay_notice_seconds: float = Field(4 * HOURS, gt=0)
    concurrency: int = Field(500, ge=1, le=5000)
    destination_concurrency: int = Field(20, ge=1, le=100)
    connect_timeout_seconds: float = Field(30, gt=0)
    reply_timeout_seconds: float = Field(600, gt=0)
    lease_seconds: float = Field(900, gt=0)
    allow_private: bool = False
    capture: str = Field("", max_length=320)

    @field_validator("capture")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value:
            try:
                addresses.parse(value)
            except AddressError as error:
                raise ValueError(f"{value!r} is not an address") from error
        return value


class Authentication(Section):
    """Who sent what comes in."""

    verify: bool = True
    deadline_seconds: float = Field(5, gt=0, le=60)
    dmarc_reject: str = Field("refuse", pattern="^(refuse|junk|accept)$")
    dmarc_reject_domains: dict[str, str] = Field({})
    trusted_sealers: tuple[str, ...] = ()

    @field_validator("dmarc_reject_domains")
    @classmethod
    def _known_policies(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = sorted(set(value.values()) - {"refuse", "junk", "accept"})
        if wrong:
            raise ValueError(f'{wrong[0]!r} is none of "refuse", "junk" and "accept"')
        return {domain.lower(): wish for domain, wish in value.items()}


class DnsListed(Section):
    """A block or welcome list that is asked by DNS."""

    zone: str
    kind: str = Field("address", pattern="^(address|domain)$")
    codes: dict[str, float] = Field({"127.0.0.*": 3.0})


class Filter(Section):
    """What is junk."""

    enabled: bool = True
    junk_score: float = Field(5, gt=0)
    reject_score: float = Field(0, ge=0)
    deadline_seconds: float = Field(10, gt=0, le=120)
    greylist_seconds: float = Field(0, ge=0, le=86_400)
    exempt_networks: tuple[str, ...] = (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10",
    )  # fmt: skip
    dns_lists: tuple[DnsListed, ...] = ()
    rspamd_url: str | None = None
    rspamd_password: SecretStr | None = None
    rspamd_timeout_seconds: float = Field(8, gt=0, le=120)
    clamav: str | None = None
    clamav_refuse: bool = True
    clamav_timeout_seconds: float = Field(8, gt=0, le=120)

    @field_validator("exempt_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text)
        return value


class Transport(Section):
    """How private the way between servers has to be."""

    sts_mode: str = Field("testing", pattern="^(enforce|testing|none)$")
    sts_https_port: int | None = Field(None, ge=1, le=65535)
    authorities: Path | None = None


class Reports(Section):
    """What others are told of their mail, each day, where they ask for it."""

    dmarc: bool = True
    tls: bool = True
    sender: str = ""
    organization: str = ""


class Enrichment(Section):
    """A model that reads mail for inboxes that want it."""

    endpoint: str | None = None
    model: str = ""
    api_key: SecretStr | None = None
    timeout_seconds: float = Field(30, gt=0, le=120)
    inbox_endpoints: bool = True


class Storage(Section):
    """Where mail is kept."""

    database: str = "sqlite"
    node: int = Field(0, ge=0, le=63)
    journal_segment_bytes: int = Field(32 << 20, ge=1 << 20)
    journal_segments: int = Field(32, ge=2, le=1024)
    spool_threshold_bytes: int = Field(1 << 20, ge=64 << 10)
    reserve_bytes: int = Field(256 << 20, ge=0)
    checkpoint_seconds: float = Field(5, gt=0)


class Retention(Section):
    """How long Trash and Junk are kept, from the last move or mark of a message; 0 is for ever."""

    trash_days: int = Field(0, ge=0, le=36_500)
    junk_days: int = Field(0, ge=0, le=36_500)


class OutboundHttp(Section):
    """Requests that the server makes to addresses of others."""

    allow_private: bool = False


class Sendmail(Section):
    """As whom programs on this machine send, by `mailserver sendmail`."""

    inbox: str = Field("", max_length=320)


class Log(Section):
    """What is written to stderr."""

    format: str = Field("auto", pattern="^(auto|json|logfmt|console)$")
    level: str = Field("info", pattern="^(debug|info|warning|error)$")
    redact: bool = False
