"""What `mailserver doctor` holds the installation against."""

import ipaddress

from pydantic import Field, field_validator

from mailserver.settings.section import Section

DNS_LISTS = ("zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com")


class Health(Section):
    """Who sees how the machine is, and what it is asked about."""

    addresses: tuple[str, ...] = ()
    dns_lists: tuple[str, ...] = DNS_LISTS
    signed_name: str = Field(".", min_length=1, max_length=253)
    operator: str = ""

    @field_validator("addresses")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_address(text)) for text in value)

    @field_validator("dns_lists")
    @classmethod
    def _zones(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(text.strip(".").lower() for text in value)

    @field_validator("operator")
    @classmethod
    def _name(cls, value: str) -> str:
        return value.strip().rstrip(".").lower()
