"""Where mail programs ask how to set themselves up. Nobody logs in, and every address of a domain gets one answer."""

import asyncio
import datetime as dt
from collections.abc import Callable

from aiohttp import web

from mailserver.api.clients import apple, mozilla, outlook
from mailserver.mail import address as addresses
from mailserver.mail.address import Address, AddressError
from mailserver.services.accounts.domains import Domains

LONGEST_ADDRESS = 320
LARGEST_REQUEST_BYTES = 8192
MOZILLA = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
OUTLOOK = "/{directory:(?i:autodiscover)}/{file:(?i:autodiscover\\.xml)}"
OUTLOOK_ADDRESS = (
    "/{directory:(?i:autodiscover)}/{file:(?i:autodiscover\\.json)}",
    "/{directory:(?i:autodiscover)}/{file:(?i:autodiscover\\.json)}/{version:v[0-9.]+}/{address}",
)
APPLE = "/mobileconfig"


class ClientSettings:
    """Serves the settings of the domains of ours.

    Whether there is such an inbox is not looked for. `sign` puts a profile into an envelope of ours, or gives None.
    """

    def __init__(self, domains: Domains, hostname: str, sign: Callable[[bytes], bytes | None]) -> None:
        self._domains = domains
        self._hostname = hostname
        self._sign = sign

    def mount(self, app: web.Application) -> None:
        """Put every path on the application."""
        for path in MOZILLA:
            app.router.add_get(path, self.mozilla)
        app.router.add_post(OUTLOOK, self.outlook)
        for path in OUTLOOK_ADDRESS:
            app.router.add_get(path, self.outlook_address)
        app.router.add_get(APPLE, self.apple)

    async def mozilla(self, request: web.Request) -> web.Response:
        """The settings of the domain of `emailaddress`, else of the Host `autoconfig.<domain>`; 404 if not ours."""
        asked = _address(request.query.get("emailaddress", ""))
        name = request.host.partition(":")[0].rstrip(".").lower()
        domain = asked.domain if asked else name.removeprefix("autoconfig.")
        if not await self._domains.serves(domain):
            raise web.HTTPNotFound
        return web.Response(body=mozilla.write(domain, self._domains.offers), content_type="text/xml", charset="utf-8")

    async def outlook(self, request: web.Request) -> web.Response:
        """The settings of the address in the request; one that gets none is answered with Outlook's own codes."""
        body = await request.content.read(LARGEST_REQUEST_BYTES + 1)
        while len(body) <= LARGEST_REQUEST_BYTES and (more := await request.content.read(LARGEST_REQUEST_BYTES)):
            body += more
        if len(body) > LARGEST_REQUEST_BYTES:
            raise web.HTTPRequestEntityTooLarge(LARGEST_REQUEST_BYTES, len(body))
        return web.Response(body=await self._outlook(body), content_type="text/xml", charset="utf-8")

    async def outlook_address(self, request: web.Request) -> web.Response:
        """Where Autodiscover is for an address: the newer question, by JSON."""
        text = request.match_info.get("address") or request.query.get("Email") or request.query.get("email") or ""
        asked = _address(text)
        protocol = (request.query.get("Protocol") or request.query.get("protocol") or "").lower()
        if protocol != "autodiscoverv1":
            refused = {"ErrorCode": "ProtocolNotSupported", "ErrorMessage": "The protocols are: AutodiscoverV1."}
            return web.json_response(refused, status=400)
        if asked is None or not await self._domains.serves(asked.domain):
            refused = {"ErrorCode": "UserNotFound", "ErrorMessage": "The domain of the address is not served here."}
            return web.json_response(refused, status=404)
        url = f"https://autodiscover.{asked.domain}/autodiscover/autodiscover.xml"
        return web.json_response({"Protocol": "AutodiscoverV1", "Url": url})

    async def apple(self, request: web.Request) -> web.Response:
        """A profile for `address`; 404 with a sentence where Apple's Mail could not read by anything that is served."""
        asked = _address(request.query.get("address", ""))
        if asked is None:
            return _refused(400, "bad_request", "address is the address that the profile is for.")
        if not await self._domains.serves(asked.domain):
            return _refused(404, "not_found", "The domain of the address is not served here.")
        profile = apple.write(str(asked), asked.domain, self._hostname, self._domains.offers)
        if profile is None:
            return _refused(404, "not_offered", "Apple's Mail reads mail by IMAP, which is not served here.")
        signed = await asyncio.to_thread(self._sign, profile)
        headers = {"Content-Disposition": 'attachment; filename="mail.mobileconfig"'}
        return web.Response(body=signed or profile, content_type="application/x-apple-aspen-config", headers=headers)

    async def _outlook(self, body: bytes) -> bytes:
        now = dt.datetime.now(dt.UTC)
        try:
            wish = outlook.read(body)
        except outlook.Unreadable:
            return outlook.refusal(outlook.INVALID, now)
        asked = _address(wish.address)
        if asked is None:
            return outlook.refusal(outlook.INVALID, now)
        if wish.schema not in ("", outlook.SETTINGS) or not await self._domains.serves(asked.domain):
            return outlook.refusal(outlook.NO_PROVIDER, now)
        return outlook.write(str(asked), self._domains.offers)


def _address(text: str) -> Address | None:
    """The address that was sent; None where it is none."""
    if len(text) > LONGEST_ADDRESS:
        return None
    try:
        found = addresses.parse(text)
    except AddressError:
        return None
    return found if str(found).isprintable() else None  # XML has no way to write the rest


def _refused(status: int, error: str, message: str) -> web.Response:
    return web.json_response({"error": error, "message": message}, status=status)
