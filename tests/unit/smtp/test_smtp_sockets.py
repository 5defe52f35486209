import ipaddress

import pytest

from mailserver.smtp import sockets


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:25", ("127.0.0.1", 25)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:2525", ("127.0.0.1", 2525)),
        ("[::]:587", ("::", 587)),
    ],
)
def test_an_address_with_a_port_is_read(text, found):
    assert sockets.parse(text) == (ipaddress.ip_address(found[0]), found[1])


@pytest.mark.parametrize(
    "text",
    [
        "25",
        ":25",
        "127.0.0.1",
        "127.0.0.1:",
        "::1:25",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "mx.test:25",
        "[127.0.0.1]:25",
        "127.0.0.1:²",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text):
    with pytest.raises(sockets.ListenAddressError, match="address"):
        sockets.parse(text)


def test_a_taken_port_is_refused_with_its_name_and_closes_what_was_bound():
    first = sockets.bind(("127.0.0.1:0",))
    try:
        taken = sockets.name(first[0])
        with pytest.raises(OSError, match=r"127\.0\.0\.1 port \d+: Address already in use"):
            sockets.bind(("127.0.0.1:0", taken))
    finally:
        first[0].close()
