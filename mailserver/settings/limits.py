"""Every limit that an operator may set; nought is none where nought is allowed."""

from pydantic import Field

from mailserver.settings.section import DAYS, Section


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
