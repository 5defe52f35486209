"""P8: signing and verifying DKIM beside dkimpy, on one core."""

import time

import dkim as dkimpy

from bench.report import Table
from mailserver.mail import dkim
from mailserver.mail.dkim import SigningKey

HEAD = (
    b"From: Agent <agent@local.test>\r\nTo: bob@remote.test\r\nSubject: speed\r\n"
    b"Date: Sat, 21 Nov 2026 13:00:00 +0000\r\nMessage-ID: <speed@local.test>\r\n\r\n"
)
LINE = b"The quick brown fox jumps over the lazy dog.\r\n"
AT = 1_795_000_000


def a_second(function, seconds):
    """How often a second a function runs."""
    function()
    count, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        function()
        count += 1
    return count / (time.process_time() - began)


def run(names, rounds, *, quick):
    if names and "P8" not in names:
        return
    pem, public = dkim.generate("rsa-sha256")
    key = SigningKey("local.test", "s", "rsa-sha256", dkim.load_key(pem))
    record = dkim.record(public).encode()
    small, large = HEAD + LINE * (1_024 // len(LINE)), HEAD + LINE * (51_200 // len(LINE))
    signed = dkim.sign(large, (key,), AT) + large
    signing, verifying = Table("P8: RSA-2048 signature of 1 KB"), Table("P8: verification of 50 KB")
    pairs = (
        (signing, "ours", lambda: dkim.sign(small, (key,), AT)),
        (signing, "dkimpy", lambda: dkimpy.sign(small, b"s", b"local.test", pem)),
        (verifying, "ours", lambda: dkim.verify(signed, lambda name: record)),
        (verifying, "dkimpy", lambda: dkimpy.verify(signed, dnsfunc=lambda name, timeout=5: record)),
    )
    if not dkimpy.verify(signed, dnsfunc=lambda name, timeout=5: record):
        raise RuntimeError("dkimpy does not take our signature")
    for number in range(rounds):
        for table, name, function in pairs if number % 2 else pairs[::-1]:
            table.add(name, a_second(function, 0.3 if quick else 1.0))
    for table in (signing, verifying):
        table.show("a second", ours="ours", other="dkimpy", goal=10)
