"""The DNS records of a domain of ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.entities.offer import Offer
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
    is_optional: bool = False  # of no harm where it is missing
    is_comment: bool = False  # in a zone file, for whoever wants it
    is_beside: bool = False  # to be published in addition to what is there already


@dataclass(frozen=True, slots=True)
class Proof:
    """What this host proves itself with: a certificate in DER, the key of the next one, what CAA records say."""

    certificate: bytes | None = None
    next_key: bytes | None = None
    authorities: tuple[str, ...] = ()


def of_domain(
    name: str,
    hostname: str,
    keys: Sequence[DkimKey],
    policy: Policy,
    proof: Proof,
    dmarc: str = "quarantine",
    verify_token: str = "",
    offers: Sequence[Offer] = (),
) -> list[Record]:
    """The records of a domain whose mail this host receives and sends."""
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
    found += _of_host(hostname, proof)
    found += _for_programs(name, hostname, offers)
    declined = "No logo; with an SVG's address behind l= mail programs show it (BIMI)."
    found.append(
        Record("TXT", f"default._bimi.{name}", "v=BIMI1; l=; a=;", declined, is_optional=True, is_comment=True)
    )
    return found


def _of_host(hostname: str, proof: Proof) -> list[Record]:
    found = []
    place = f"_{SMTP_PORT}._tcp.{hostname}"
    if proof.certificate is not None:
        value = tlsa.text(tlsa.of_certificate(proof.certificate))
        purpose = f"The key of {hostname}, for senders with DANE; useful where DNSSEC signs that zone (RFC 7672)."
        found.append(Record("TLSA", place, value, purpose))
    if proof.next_key is not None:
        purpose = f"The key that {hostname} has next; it is used once this is published beside the other one."
        value = tlsa.text(tlsa.of_key(proof.next_key))
        found.append(Record("TLSA", place, value, purpose, is_optional=True, is_beside=True))
    purpose = f"Nobody but our account with the authority gets certificates for {hostname} (RFC 8659, RFC 8657)."
    found += [Record("CAA", hostname, value, purpose, is_optional=True) for value in proof.authorities]
    return found


def _for_programs(name: str, hostname: str, offers: Sequence[Offer]) -> list[Record]:
    """What mail programs look for. Where they find nothing, people type it in."""
    purpose = "Mail programs find the servers by it (RFC 6186, RFC 8314, RFC 8620)."
    found = [
        Record("SRV", f"_{one.service}._tcp.{name}", f"0 1 {one.port} {one.host}.", purpose, is_optional=True)
        for one in offers
    ]
    web = next((one for one in offers if one.url), None)
    if web is None:
        return found
    purpose = f"Mail programs get their settings at https://autoconfig.{name} and https://autodiscover.{name}."
    found += [
        Record("CNAME", f"{label}.{name}", f"{hostname}.", purpose, is_optional=True)
        for label in ("autoconfig", "autodiscover")
    ]
    value = f"0 1 {web.port} {web.host}."
    found.append(Record("SRV", f"_autodiscover._tcp.{name}", value, purpose, is_optional=True))
    return found


def verify_value(token: str) -> str:
    """What the record says that shows whose a domain is."""
    return f"gent-verify={token}"
