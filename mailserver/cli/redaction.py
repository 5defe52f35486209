"""Addresses in log lines, replaced by names that can be followed and not guessed."""

import hashlib
import ipaddress
import re
import secrets
from typing import Any

_DEEPEST = 4
_MAIL = re.compile(r"[^\s<>\"'(),:;\[\]=]+@[^\s<>\"'(),:;\[\]=]+")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)")
_IPV6 = re.compile(r"(?<![\w:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![\w:])")


class Redaction:
    """Replaces addresses of people and machines. The same one has the same name for as long as the key is the same.

    Until the installation's key is known a passing one is used, so that nothing is ever written as it is.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def use(self, key: bytes) -> None:
        """Take the installation's key."""
        self._key = key[:64]

    def __call__(self, _: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        """A step of structlog's chain; what happened is named by us and stays."""
        return {name: value if name == "event" else self._clean(value, 0) for name, value in event.items()}

    def text(self, text: str) -> str:
        """A text without addresses."""
        if "@" in text:
            text = _MAIL.sub(self._person, text)
        if "." in text:
            text = _IPV4.sub(self._machine, text)
        return _IPV6.sub(self._machine, text) if text.count(":") > 1 else text

    def _clean(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self._clean(each, depth + 1) for each in value]
        if depth < _DEEPEST and isinstance(value, dict):
            return {self.text(str(name)): self._clean(each, depth + 1) for name, each in value.items()}
        return self.text(str(value))

    def _person(self, found: re.Match[str]) -> str:
        return f"person-{self._name(found[0].lower())}"

    def _machine(self, found: re.Match[str]) -> str:
        try:
            address = ipaddress.ip_address(found[0])
        except ValueError:
            return found[0]
        return f"machine-{self._name(str(address))}"

    def _name(self, text: str) -> str:
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), key=self._key, digest_size=8).hexdigest()
