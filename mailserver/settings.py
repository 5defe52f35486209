"""Read the configuration file and MAILSERVER_ environment into frozen settings; the only reader of either."""

import difflib
import ipaddress
import os
import socket
import tomllib
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

DEFAULT_FILE = Path("/etc/mailserver/config.toml")
PREFIX = "MAILSERVER_"
SECRET_FILE = f"{PREFIX}QUEUE__SMARTHOST_PASSWORD_FILE"  # names a file, so it is no key
HOURS = 3600
DAYS = 24 * HOURS
RETRY_SECONDS = (60, 300, 900, 1800, 1 * HOURS, 2 * HOURS, 4 * HOURS, 8 * HOURS)


class SettingsProblem(Exception):
    """The configuration cannot be used; the sentence says which key, why, and how to mend it."""


class Section(BaseModel):
    """A table of the file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


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


class Authentication(Section):
    """Who sent what comes in."""

    verify: bool = True
    deadline_seconds: float = Field(5, gt=0, le=60)
    dmarc_reject: str = Field("refuse", pattern="^(refuse|junk|accept)$")
    dmarc_reject_domains: dict[str, str] = {}
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
    codes: dict[str, float] = {"127.0.0.*": 3.0}


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


class Limits(Section):
    """Every limit."""

    message_bytes: int = Field(52_428_800, ge=64 << 10)
    recipients: int = Field(1000, ge=100)  # RFC 5321 4.5.3.1.8: at least 100
    line_bytes: int = Field(65_536, ge=1000)
    messages_per_session: int = Field(10_000, ge=1)
    errors: int = Field(20, ge=1)
    junk_commands: int = Field(100, ge=1)
    idle_seconds: float = Field(300, gt=0)  # RFC 5321 4.5.3.2.7
    data_seconds: float = Field(600, gt=0)
    session_seconds: float = Field(1800, gt=0)
    tls_handshake_seconds: float = Field(30, gt=0)
    connections: int = Field(10_000, ge=1)
    connections_per_address: int = Field(50, ge=1)
    connections_per_network: int = Field(200, ge=1)
    connections_per_loopback_address: int = Field(10_000, ge=1)
    new_connections_per_minute: int = Field(600, ge=0)
    new_loopback_connections_per_minute: int = Field(0, ge=0)
    login_attempts: int = Field(5, ge=1)
    login_delay_seconds: float = Field(1, ge=0)
    login_failures_per_address: int = Field(20, ge=0)
    received_hops: int = Field(50, ge=5)
    forwarded_per_hour: int = Field(1000, ge=0)
    upload_bytes: int = Field(25 << 20, ge=1 << 10)
    request_bytes: int = Field(36 << 20, ge=1 << 10)
    inbox_bytes: int = Field(0, ge=0)
    inbox_messages: int = Field(0, ge=0)
    api_recipients: int = Field(50, ge=1)
    login_failures_per_loopback_address: int = Field(100, ge=0)
    login_failures_per_network: int = Field(100, ge=0)
    login_failures_per_account: int = Field(50, ge=0)
    longest_login_delay_seconds: float = Field(10, ge=0)
    messages_per_address_per_hour: int = Field(3_000, ge=0)
    recipients_per_address_per_hour: int = Field(10_000, ge=0)
    messages_per_network_per_hour: int = Field(10_000, ge=0)
    recipients_per_network_per_hour: int = Field(30_000, ge=0)
    messages_per_loopback_address_per_hour: int = Field(0, ge=0)
    recipients_per_loopback_address_per_hour: int = Field(0, ge=0)
    unknown_recipients_per_address_per_hour: int = Field(100, ge=0)
    unknown_recipients_per_loopback_address_per_hour: int = Field(0, ge=0)
    tarpit_errors: int = Field(5, ge=0)
    tarpit_seconds: float = Field(10, ge=0)
    loopback_tarpit_seconds: float = Field(0, ge=0)
    greeting_delay_seconds: float = Field(0.5, ge=0, le=30)
    loopback_greeting_delay_seconds: float = Field(0, ge=0, le=30)
    refuse_early_talkers: bool = True
    messages_per_inbox_per_hour: int = Field(10_000, ge=0)
    messages_per_inbox_per_day: int = Field(50_000, ge=0)
    recipients_per_inbox_per_hour: int = Field(20_000, ge=0)
    recipients_per_inbox_per_day: int = Field(100_000, ge=0)
    longest_hold_seconds: int = Field(30 * DAYS, ge=0, le=999_999_999)  # RFC 4865 3: nine digits
    soonest_by_seconds: int = Field(60, ge=1, le=999_999_999)
    drain_seconds: float = Field(15, gt=0)


class OutboundHttp(Section):
    """Requests that the server makes to addresses of others."""

    allow_private: bool = False


class Log(Section):
    """What is written to stderr."""

    format: str = Field("auto", pattern="^(auto|json|console)$")
    level: str = Field("info", pattern="^(debug|info|warning|error)$")


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__", validate_default=True
    )
    _document: ClassVar[dict[str, Any]] = {}

    hostname: str = Field(default_factory=socket.getfqdn)
    data_dir: Path = Field(default_factory=lambda: Path(os.environ.get("STATE_DIRECTORY", "/var/lib/mailserver")))
    smtp: Smtp = Smtp()
    http: Http = Http()
    tls: Tls = Tls()
    dns: Dns = Dns()
    queue: Queue = Queue()
    authentication: Authentication = Authentication()
    filter: Filter = Filter()
    transport: Transport = Transport()
    reports: Reports = Reports()
    enrichment: Enrichment = Enrichment()
    storage: Storage = Storage()
    limits: Limits = Limits()
    outbound_http: OutboundHttp = OutboundHttp()
    log: Log = Log()

    @field_validator("hostname")
    @classmethod
    def _lower(cls, value: str) -> str:
        return value.strip().rstrip(".").lower()

    @field_validator("storage")
    @classmethod
    def _known_database(cls, value: Storage) -> Storage:
        if value.database != "sqlite":
            raise ValueError('only "sqlite" is served by this version; leave the key out')
        if value.journal_segment_bytes < 2 * value.spool_threshold_bytes:
            raise ValueError("journal_segment_bytes must be at least twice spool_threshold_bytes")
        return value

    @property
    def public_url(self) -> str:
        """The base of the links that are handed out, without a slash at the end."""
        return (self.http.public_url or f"https://{self.hostname}").rstrip("/")

    @property
    def runtime_dir(self) -> Path:
        """Where the admin socket lies."""
        return Path(os.environ.get("RUNTIME_DIRECTORY") or self.data_dir)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before credentials before the file."""
        del env_settings, dotenv_settings, file_secret_settings
        environment = EnvSettingsSource(settings_cls)
        environment.env_vars = {
            name: text for name, text in environment.env_vars.items() if name.upper() != SECRET_FILE
        }
        return (init_settings, environment, InitSettingsSource(settings_cls, cls._document))


def load(config: Path | None = None, **flags: Any) -> Settings:
    """Read file, environment and flags; SettingsProblem for what cannot be used."""
    path = config or (Path(os.environ[f"{PREFIX}CONFIG"]) if os.environ.get(f"{PREFIX}CONFIG") else None)
    document = _read(path) if path else (_read(DEFAULT_FILE) if DEFAULT_FILE.exists() else {})
    _refuse_unknown_environment()
    loaded = type("LoadedSettings", (Settings,), {"_document": _with_secrets(document), "__annotations__": {}})
    try:
        settings: Settings = loaded(**flags)
    except ValidationError as error:
        raise SettingsProblem(_explain(error, path)) from error
    except SettingsError as error:
        raise SettingsProblem(
            f"The environment cannot be read: {error}; lists and tables are written as JSON."
        ) from error
    return settings


def keys() -> dict[str, Any]:
    """Every key in dotted form with its default, for documents and their tests."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            for key, inner in section.model_fields.items():
                found[f"{name}.{key}"] = inner.get_default(call_default_factory=False)
        else:
            found[name] = None
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsProblem(f"The file {path} does not exist. Make it, or leave out --config.") from error
    except OSError as error:
        raise SettingsProblem(f"The configuration file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsProblem(f"The configuration file {path} is not TOML: {error}.") from error


def _with_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """Take the smarthost's password from a systemd credential or a file that the environment names."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    named = os.environ.get(SECRET_FILE)
    path = Path(named) if named else Path(directory) / "smarthost_password" if directory else None
    if path is None or not (named or path.exists()):
        return document
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise SettingsProblem(f"The secret {path} cannot be read: {error.strerror}.") from error
    queue = {**document.get("queue", {}), "smarthost_password": secret}
    return {**document, "queue": queue}


def _refuse_unknown_environment() -> None:
    known = {PREFIX + key.upper().replace(".", "__") for key in keys()}
    known |= {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{PREFIX}CONFIG", SECRET_FILE, f"{PREFIX}FUZZ"}
    for name in os.environ:
        if name.startswith(PREFIX) and name.upper() not in known:
            raise SettingsProblem(f"The environment variable {name} is not known.{_near(name, known)}")


def _explain(error: ValidationError, path: Path | None) -> str:
    where = f" in {path}" if path else ""
    sentences = []
    known = set(keys()) | set(Settings.model_fields)
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            sentences.append(f"The key {key}{where} is not known.{_near(key, known)}")
        else:
            sentences.append(f"The key {key}{where} cannot be used: {problem['msg'].removeprefix('Value error, ')}.")
    return "\n".join(sentences)


def _near(name: str, known: set[str]) -> str:
    match = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f" Did you mean {match[0]}?" if match else ""
