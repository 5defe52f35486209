"""What a client sends that logs in by a bearer token: OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2."""

from dataclasses import dataclass

OAUTHBEARER, XOAUTH2 = "OAUTHBEARER", "XOAUTH2"
REFUSAL = b'{"status":"invalid_token","schemes":"bearer","scope":"email:send"}'  # RFC 7628 3.2.2
ACKNOWLEDGED = "\x01"  # RFC 7628 3.2.3: the client's answer to a refusal
_END = "\x01"


class BearerMalformed(Exception):
    """The client's message cannot be read."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A name, '' where only the token says who it is, and the token."""

    name: str
    token: str


def read(mechanism: str, text: str) -> Bearer:
    """Read the client's first message; BearerMalformed where it is not of the mechanism's form."""
    if mechanism == OAUTHBEARER:
        header, separator, rest = text.partition(_END)
        if not separator or not header.endswith(","):
            raise BearerMalformed
        return Bearer(_authzid(header), _token(rest))
    if not text.startswith("user="):
        raise BearerMalformed
    user, separator, rest = text.removeprefix("user=").partition(_END)
    if not separator:
        raise BearerMalformed
    return Bearer(user, _token(rest))


def _authzid(header: str) -> str:
    """The name in a GS2 header `n,a=name,` (RFC 5801 4); channel bindings are not offered."""
    flag, _, rest = header[:-1].partition(",")
    if flag not in ("n", "y"):
        raise BearerMalformed
    if not rest:
        return ""
    if not rest.startswith("a="):
        raise BearerMalformed
    return rest[2:].replace("=2C", ",").replace("=3D", "=")


def _token(pairs: str) -> str:
    """The token of `auth=Bearer …`, among whatever other pairs there are."""
    if not pairs.endswith(_END * 2) and pairs != _END:
        raise BearerMalformed
    for pair in pairs.split(_END):
        key, _, value = pair.partition("=")
        if key == "auth":
            scheme, _, token = value.strip().partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise BearerMalformed
            return token.strip()
    raise BearerMalformed
