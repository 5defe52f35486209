"""The DNS records of a domain of ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.entities.tenant import DkimKey
from mailserver.mail import dkim, mtasts, tlsa
from mailserver.mail.mtasts import Policy

SMTP_PORT = 25


VERIFY_LABEL = "_gent-verify"


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record to publish; `name` has no dot at its end."""

    type: str
    name: str
    value: str
    purpose: str
    priority: int | None = None
    is_optional: bool = False  # shown for whoever wants it, and of no harm where it is missing


def of_domain(
    name: str,
    hostname: str,
    keys: Sequence[DkimKey],
    policy: Policy,
    certificate: bytes | None = None,
    dmarc: str = "quarantine",
    verify_token: str = "",
) -> list[Record]:
    """The records of a domain whose mail this host receives and sends; `certificate` is the host's, in DER."""
    postmaster = f"mailto:postmaster@{name}"
    found = [
        Record("MX", name, f"{hostname}.", "Mail for the domain comes to this server.", 10),
        Record("TXT", name, "v=spf1 mx -all", "Only the domain's MX sends its mail (RFC 7208)."),
    ]
    found += [
        Record("TXT", f"{key.selector}._domainkey.{name}", dkim.record(key.public_key), f"Signatures, {key.algorithm}.")
        for key in keys
    ]
    found += [
        Record(
            "TXT", f"_dmarc.{name}", f"v=DMARC1; p={dmarc}; rua={postmaster}",
            "What receivers do with mail that fails, and who gets their reports (RFC 9989).",
        ),
        Record(
            "TXT", f"_mta-sts.{name}", mtasts.record(policy),
            f"Senders ask https://mta-sts.{name} how private the way here has to be (RFC 8461).",
        ),
        Record(
            "CNAME", f"mta-sts.{name}", f"{hostname}.",
            "That web server is this one, or a proxy before it with a certificate for the name.",
        ),
        Record(
            "TXT", f"_smtp._tls.{name}", f"v=TLSRPTv1; rua={postmaster}",
            "Who is told of senders' trouble with TLS on the way here (RFC 8460).",
        ),
    ]  # fmt: skip
    if verify_token:
        purpose = "Shows that the domain is yours; it can go once the domain is verified."
        found.insert(0, Record("TXT", f"{VERIFY_LABEL}.{name}", verify_value(verify_token), purpose))
    if certificate is not None:
        value = tlsa.text(tlsa.of_certificate(certificate))
        purpose = f"The key of {hostname}, for senders with DANE; useful where DNSSEC signs that zone (RFC 7672)."
        found.append(Record("TLSA", f"_{SMTP_PORT}._tcp.{hostname}", value, purpose))
    declined = "No logo; with an SVG's address behind l= mail programs show it (BIMI)."
    found.append(Record("TXT", f"default._bimi.{name}", "v=BIMI1; l=; a=;", declined, is_optional=True))
    return found


def verify_value(token: str) -> str:
    """What the record says that shows whose a domain is."""
    return f"gent-verify={token}"
