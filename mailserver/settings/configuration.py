"""The whole configuration, frozen: which tables there are and who has the last word on a key."""

import os
import socket
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mailserver.settings.acme import Acme
from mailserver.settings.health import Health
from mailserver.settings.limits import Limits
from mailserver.settings.sections import (
    Authentication,
    Dns,
    Enrichment,
    Filter,
    Http,
    Log,
    OutboundHttp,
    Queue,
    Reports,
    Retention,
    Sendmail,
    Smtp,
    Storage,
    Tls,
    Transport,
)

PREFIX = "MAILSERVER_"
SYSTEM_DATA, SYSTEM_RUNTIME = Path("/var/lib/mailserver"), Path("/run/mailserver")  # of the unit
SECRETS = (("queue", "smarthost_password"), ("http", "metrics_token"))  # each may stand in a file of its own
SECRET_FILES = {f"{PREFIX}{table}__{key}_FILE".upper(): (table, key) for table, key in SECRETS}  # they are no keys


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
    acme: Acme = Acme()
    dns: Dns = Dns()
    queue: Queue = Queue()
    authentication: Authentication = Authentication()
    filter: Filter = Filter()
    transport: Transport = Transport()
    reports: Reports = Reports()
    enrichment: Enrichment = Enrichment()
    storage: Storage = Storage()
    retention: Retention = Retention()
    limits: Limits = Limits()
    outbound_http: OutboundHttp = OutboundHttp()
    health: Health = Health()
    sendmail: Sendmail = Sendmail()
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
        """Where the admin socket lies: with systemd's unit not in the data directory, for the commands neither."""
        if named := os.environ.get("RUNTIME_DIRECTORY"):
            return Path(named)
        return SYSTEM_RUNTIME if self.data_dir == SYSTEM_DATA and SYSTEM_RUNTIME.is_dir() else self.data_dir

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
            name: text for name, text in environment.env_vars.items() if name.upper() not in SECRET_FILES
        }
        return (init_settings, environment, InitSettingsSource(settings_cls, cls._document))
