"""A certificate authority in this process, that can be told to misbehave; it is asked by `get` and `post`.

It holds every request against RFC 8555: signature, nonce, address, account.
"""

import base64
import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mailserver.fetch import FetchFailed

BASE = "https://ca.test"
PREFIX = "urn:ietf:params:acme:error:"
DIRECTORY = f"{BASE}/dir"


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Order:
    names: list[str]
    status: str = "pending"
    proofs: dict[str, str] = field(default_factory=dict)  # name to status
    error: dict[str, Any] | None = None
    chain: bytes = b""
    account: str = ""


def _der(pem):
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER) if pem else b""


def octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class FakeAuthority:
    """`answer` is how it asks for an http-01 token, `now` its clock in seconds."""

    def __init__(self, answer, now, *, has_windows=True) -> None:
        self.answer, self.now = answer, now
        self.has_windows = has_windows
        self.window, self.asked_again_after = None, "21600"
        self.is_down = False
        self.refusals: list[tuple[str, int, dict[str, Any], dict[str, str]]] = []
        self.refused_nonces = 0
        self.killed_at = -1
        self.killed_after = ""  # a path: what is asked there is done, and nobody hears of it
        self.seen: list[tuple[str, Any]] = []
        self.orders: list[Order] = []
        self.accounts: list[dict[str, Any]] = []
        self.deactivated: set[int] = set()
        self.revoked: list[tuple[x509.Certificate, int | None, str]] = []  # with the reason, and by whose key
        self.issue = self._certificate
        self._nonces: set[str] = set()
        self._count = 0
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority for tests")])

    @property
    def asked(self):
        return [path for path, _ in self.seen]

    def ordered(self):
        return [payload for path, payload in self.seen if path == "/order"]

    async def get(self, url, **_bounds):
        return self._come(url, None)

    async def post(self, url, body, *, headers, **_bounds):
        assert headers == {"Content-Type": "application/jose+json"}
        return self._come(url, json.loads(body))

    def _come(self, url, signed):
        path = url.removeprefix(BASE)
        if self.killed_at == len(self.seen):
            raise Killed
        payload = json.loads(octets(signed["payload"])) if signed and signed["payload"] else None
        self.seen.append((path, payload))
        if self.is_down:
            raise FetchFailed("Cannot connect to ca.test: Connection refused")
        for refusal in self.refusals:
            if path.startswith(refusal[0]):
                self.refusals.remove(refusal)
                return self._no(*refusal[1:])
        if signed is None:
            return self._get(path)
        header = json.loads(octets(signed["protected"]))
        assert header["url"] == url
        assert header["nonce"] in self._nonces
        self._nonces.remove(header["nonce"])
        if self.refused_nonces:
            self.refused_nonces -= 1
            return self._no(400, {"type": f"{PREFIX}badNonce", "detail": "no"}, {})
        number = None if "jwk" in header else int(header["kid"].rpartition("/")[2])
        if number in self.deactivated:
            return self._no(401, {"type": f"{PREFIX}unauthorized", "detail": "deactivated"}, {})
        try:
            self._verify(signed, header["jwk"] if number is None else self.accounts[number])
        except InvalidSignature:
            return self._no(400, {"type": f"{PREFIX}malformed", "detail": "the signature is not the account's"}, {})
        answer = self._post(path, header, payload)
        if self.killed_after and path.startswith(self.killed_after):
            raise Killed
        return answer

    def _verify(self, signed, known):
        numbers = [int.from_bytes(octets(known[one]), "big") for one in ("x", "y")]
        key = ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()
        raw = octets(signed["signature"])
        signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        content = f"{signed['protected']}.{signed['payload']}".encode()
        key.verify(signature, content, ec.ECDSA(hashes.SHA256()))

    def _get(self, path):
        if path == "/dir":
            document = {f"new{name}": f"{BASE}/{name.lower()}" for name in ("Nonce", "Account", "Order")}
            document |= {"revokeCert": f"{BASE}/revoke", "keyChange": f"{BASE}/key"}
            document["meta"] = {"termsOfService": f"{BASE}/terms", "caaIdentities": ["ca.test"]}
            if self.has_windows:
                document["renewalInfo"] = f"{BASE}/info"
            return self._yes(document)
        if path == "/nonce":
            return Answer(204, {"replay-nonce": self._nonce()}, b"")
        assert path.startswith("/info/")
        if self.window is None:
            return self._no(404, {"type": f"{PREFIX}malformed", "detail": "unknown"}, {})
        start, end = (dt.datetime.fromtimestamp(at, dt.UTC).isoformat().replace("+00:00", "Z") for at in self.window)
        document = {"suggestedWindow": {"start": start, "end": end}}
        return self._yes(document, **{"retry-after": self.asked_again_after})

    def _post(self, path, header, payload):
        kind, _, number = path[1:].partition("/")
        if kind == "account" and payload.get("onlyReturnExisting"):
            if header["jwk"] not in self.accounts:
                return self._no(400, {"type": f"{PREFIX}accountDoesNotExist", "detail": "who?"}, {})
            return self._yes({}, location=f"{BASE}/acct/{self.accounts.index(header['jwk'])}")
        if kind == "key":
            return self._change_key(header, payload)
        if kind == "revoke":
            return self._revoke(header, payload)
        if kind == "account":
            assert payload["termsOfServiceAgreed"] is True
            if header["jwk"] not in self.accounts:
                self.accounts.append(header["jwk"])
            return self._yes({"status": "valid"}, location=f"{BASE}/acct/{self.accounts.index(header['jwk'])}")
        if kind == "order" and not number:
            self.orders.append(Order([one["value"] for one in payload["identifiers"]]))
            return self._yes(self._order(len(self.orders) - 1), location=f"{BASE}/order/{len(self.orders) - 1}")
        order = self.orders[int(number.partition("/")[0])]
        name = number.partition("/")[2]
        if kind == "chall":
            token = f"token-{number.replace('/', '-')}"
            good = (self.answer(token) or "").startswith(f"{token}.")
            order.proofs[name] = "valid" if good else "invalid"
            if not good:
                order.status = "invalid"
            elif all(order.proofs.get(one) == "valid" for one in order.names):
                order.status = "ready"
            return self._yes({})
        if kind == "authz":
            return self._yes(self._authorization(number, name, order))
        if kind == "finalize":
            order.chain = self.issue(payload["csr"], order.names)
            order.status, order.account = "valid", header["kid"]
        if kind == "cert":
            return Answer(200, {"replay-nonce": self._nonce()}, order.chain)
        return self._yes(self._order(int(number.partition("/")[0])))

    def _change_key(self, outer, payload):
        inner, change = (json.loads(octets(payload[part])) for part in ("protected", "payload"))
        assert inner["url"] == outer["url"]
        assert "nonce" not in inner
        self._verify(payload, inner["jwk"])
        number = int(outer["kid"].rpartition("/")[2])
        assert change == {"account": outer["kid"], "oldKey": self.accounts[number]}
        if inner["jwk"] in self.accounts:
            return self._no(409, {"type": f"{PREFIX}conflict", "detail": "in use"}, {})
        self.accounts[number] = inner["jwk"]
        return self._yes({})

    def _revoke(self, header, payload):
        der = octets(payload["certificate"])
        found = x509.load_der_x509_certificate(der)
        order = next(one for one in self.orders if _der(one.chain) == der)
        if "jwk" in header:
            numbers = found.public_key().public_numbers()
            theirs = [int.from_bytes(octets(header["jwk"][one]), "big") for one in ("x", "y")]
            is_theirs, by = theirs == [numbers.x, numbers.y], "certificate"
        else:
            is_theirs, by = header["kid"] == order.account, "account"
        if not is_theirs:
            return self._no(403, {"type": f"{PREFIX}unauthorized", "detail": "not yours"}, {})
        if found in [one for one, _, _ in self.revoked]:
            return self._no(400, {"type": f"{PREFIX}alreadyRevoked", "detail": "again?"}, {})
        self.revoked.append((found, payload.get("reason"), by))
        return Answer(200, {"replay-nonce": self._nonce()}, b"")

    def _order(self, number):
        order = self.orders[number]
        document = {
            "status": order.status,
            "identifiers": [{"type": "dns", "value": name} for name in order.names],
            "authorizations": [f"{BASE}/authz/{number}/{name}" for name in order.names],
            "finalize": f"{BASE}/finalize/{number}",
        }
        return document | ({"certificate": f"{BASE}/cert/{number}"} if order.status == "valid" else {})

    def _authorization(self, number, name, order):
        status = order.proofs.get(name, "pending")
        challenge = {"type": "http-01", "url": f"{BASE}/chall/{number}", "token": f"token-{number.replace('/', '-')}"}
        if status == "invalid":
            challenge["error"] = {"type": f"{PREFIX}connection", "detail": f"{name} did not answer"}
        other = {"type": "dns-account-01", "url": f"{BASE}/none", "token": "x"}
        return {"status": status, "identifier": {"type": "dns", "value": name}, "challenges": [other, challenge]}

    def _certificate(self, request, names, key=None):
        asked = x509.load_der_x509_csr(octets(request))
        assert asked.is_signature_valid
        now = dt.datetime.fromtimestamp(self.now(), dt.UTC)
        return (
            x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(self._name)
            .public_key(key or asked.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now).not_valid_after(now + dt.timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        )  # fmt: skip

    def _nonce(self):
        self._count += 1
        self._nonces.add(f"nonce{self._count}")
        return f"nonce{self._count}"

    def _yes(self, document, **headers):
        return Answer(200, {"replay-nonce": self._nonce(), **headers}, json.dumps(document).encode())

    def _no(self, status, document, headers):
        return Answer(status, {"replay-nonce": self._nonce(), **headers}, json.dumps(document).encode())
