"""Pins what is relied on of aiosmtpd 1.4.6."""

import inspect

import aiosmtpd
from aiosmtpd.smtp import SMTP

from mailserver.smtp.dialogue import Dialogue
from mailserver.smtp.protocol import Connection
from mailserver.smtp.transaction import Receiver
from mailserver.smtp.upgrade import SecureConnection

OURS = (Connection, SecureConnection, Dialogue, *Receiver.__mro__[: Receiver.__mro__.index(Dialogue)])
TRANSPORT = {"connection_made", "connection_lost", "eof_received", "data_received", "pause_writing", "resume_writing"}


def test_the_version_is_the_one_that_was_read():
    assert aiosmtpd.__version__ == "1.4.6"


def test_every_call_of_the_transport_is_ours():
    for name in TRANSPORT:
        assert name in vars(Connection), name


def test_every_command_of_aiosmtpd_is_ours_and_answers_at_once():
    theirs = {name.removeprefix("smtp_") for name in vars(SMTP) if name.startswith("smtp_")}
    assert theirs <= set(Receiver.commands)
    assert not any(inspect.iscoroutinefunction(command) for command in Receiver.commands.values())


def test_nothing_else_of_aiosmtpd_is_overridden_by_accident():
    theirs = {name for kind in SMTP.__mro__[:-1] for name in vars(kind)}
    for kind in OURS:
        names = {name for name in vars(kind) if not name.startswith("smtp_") and not name.startswith("__")}
        assert names & theirs <= TRANSPORT, names & theirs


def test_its_destructor_needs_no_attribute_of_its_constructor():
    Connection.__del__(object.__new__(Receiver))


def test_a_connection_has_no_dictionary_until_somebody_adds_to_it():
    assert all("__slots__" in vars(kind) for kind in OURS)
