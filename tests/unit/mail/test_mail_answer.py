import pytest

from mailserver.mail import answer, message

ME = {"me@local.test"}


def original(*fields):
    return message.parse("\r\n".join([*fields, "", "text"]).encode())


def reply(*fields, to_all=False):
    return answer.reply(original(*fields), ME, to_all)


def names(persons):
    return [person.address for person in persons]


def test_an_answer_goes_to_the_sender_or_where_he_wants_it():
    assert names(reply("From: a@x.test", "To: me@local.test").to) == ["a@x.test"]
    assert names(reply("From: a@x.test", "Reply-To: b@x.test, c@x.test").to) == ["b@x.test", "c@x.test"]
    assert names(reply("From: a@x.test", "Reply-To: not an address").to) == ["a@x.test"]


def test_an_answer_to_all_leaves_me_and_doubles_out():
    found = reply("From: a@x.test", "To: Me@Local.test, b@x.test", "Cc: B@x.test, c@x.test, a@x.test", to_all=True)
    assert names(found.to) == ["a@x.test"]
    assert names(found.cc) == ["b@x.test", "c@x.test"]
    assert reply("From: a@x.test", "To: b@x.test").cc == ()


def test_an_answer_to_my_own_message_goes_on_to_its_recipients():
    found = reply("From: me@local.test", "To: b@x.test", "Cc: c@x.test", to_all=True)
    assert (names(found.to), names(found.cc)) == (["b@x.test"], ["c@x.test"])


def test_a_note_to_myself_is_answered_to_myself():
    assert names(reply("From: me@local.test", "To: me@local.test").to) == ["me@local.test"]


def test_the_subject_gets_one_re():
    assert reply("From: a@x.test", "Subject: Hello").subject == "Re: Hello"
    assert reply("From: a@x.test", "Subject: RE: Hello").subject == "RE: Hello"
    assert reply("From: a@x.test").subject == "Re:"
    assert answer.forward_subject("Hello") == "Fwd: Hello"
    assert answer.forward_subject("FW: Hello") == "FW: Hello"


def test_the_references_name_the_conversation():
    found = reply("From: a@x.test", "Message-ID: <2@x>", "In-Reply-To: <1@x>")
    assert (found.in_reply_to, found.references) == ("<2@x>", ("<1@x>", "<2@x>"))
    found = reply("From: a@x.test", "Message-ID: <3@x>", "References: <1@x> <2@x>", "In-Reply-To: <9@x>")
    assert found.references == ("<1@x>", "<2@x>", "<3@x>")
    assert reply("From: a@x.test").references == ()


@pytest.mark.parametrize("count", [5, 21, 400])
def test_of_a_long_conversation_the_first_and_the_last_twenty_stay(count):
    field = "References: " + "\r\n ".join(f"<{number}@x>" for number in range(count))
    found = reply("From: a@x.test", field, "Message-ID: <own@x>").references
    assert len(found) == min(count + 1, 21)
    assert (found[0], found[-1]) == ("<0@x>", "<own@x>")
