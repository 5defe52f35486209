"""Certificates from an authority that asks for proofs by itself."""

import base64
import binascii
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator

from mailserver.settings.section import Section

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


class Acme(Section):
    """Which authority, as whom, and how names are proved."""

    enabled: bool = False
    directory: str = Field(LETS_ENCRYPT, pattern="^https://")
    contact: tuple[str, ...] = Field((), max_length=10)
    terms_agreed: bool = False
    challenge: str = Field("auto", pattern="^(auto|http-01|tls-alpn-01|dns-01)$")
    http_listen: tuple[str, ...] = ("0.0.0.0:80", "[::]:80")
    dns_hook: Path | None = None
    dns_hook_seconds: float = Field(120, gt=0, le=600)
    binding_key_id: str = ""
    binding_secret: SecretStr | None = None
    authorities: Path | None = None

    @field_validator("binding_secret")
    @classmethod
    def _base64url(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value is not None else ""
        if not text:
            return None
        try:
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("it is not base64url, as the authority shows it") from error
        return value

    @model_validator(mode="after")
    def _whole(self) -> "Acme":
        if self.challenge == "dns-01" and self.dns_hook is None:
            raise ValueError('challenge = "dns-01" needs dns_hook, the program that publishes the records')
        if bool(self.binding_key_id) != (self.binding_secret is not None):
            raise ValueError("binding_key_id and binding_secret go together")
        return self

    @property
    def has_listener(self) -> bool:
        """Whether tokens are asked for on a port of their own."""
        return (
            self.enabled
            and bool(self.http_listen)
            and (self.challenge == "http-01" or (self.challenge == "auto" and self.dns_hook is None))
        )
