"""Bodies that readers would not agree on."""

import pytest
from pydantic import BaseModel, ValidationError

from mailserver.entities import errors
from mailserver.http import routing


class Form(BaseModel):
    name: str


@pytest.mark.parametrize(
    "raw", [b'{"name": "a", "name": "b"}', b'{"name": }', b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"name": "\xff"}']
)
def test_what_is_not_plain_json_is_refused(raw):
    with pytest.raises((errors.Invalid, ValidationError)):
        routing._read(raw, Form)


def test_plain_json_is_read():
    assert routing._read(b'{"name": "a"}', Form).name == "a"
