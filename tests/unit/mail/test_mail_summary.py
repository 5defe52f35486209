"""Summaries in their own words: sentences, decisions, things to do and how it ended, in four languages."""

import pytest

from mailserver.mail import sentences, summary
from mailserver.mail.address import Person
from mailserver.mail.summary import ActionItem, Turn

ALICE, BOB, CAROL = Person("alice@x.test", "Alice Adams"), Person("bob@y.test", "Bob"), Person("carol@z.test", None)


def said(text, author=ALICE, to=(BOB,)):
    return Turn(author, to, text)


def items(text, **more):
    return [(each.owner, each.action) for each in summary.summarise("s", [said(text, **more)]).action_items]


def test_a_summary_has_two_or_three_sentences_of_those_who_wrote():
    turns = [
        said("Hi Bob,\n\nThe hosting invoice for November is twice what we agreed in the contract. Could you please\n"
             "check the invoice and send a corrected one?\n\nBest regards\nAlice"),
        said("Sorry about the invoice. We decided to credit the difference. I will send the new one by Friday.",
             BOB, (ALICE,)),
        said("Thanks, the corrected invoice arrived and the problem is solved.", ALICE),
    ]  # fmt: skip
    found = summary.summarise("Invoice for November", turns)
    assert found.summary.count(": ") in (2, 3)
    assert "Alice Adams: The hosting invoice for November" in found.summary
    assert "regards" not in found.summary
    assert found.decisions == ("We decided to credit the difference.",)
    assert ActionItem("bob@y.test", "Check the invoice and send a corrected one") in found.action_items
    assert ActionItem("bob@y.test", "Send the new one by Friday") in found.action_items
    assert found.is_resolved


@pytest.mark.parametrize(
    "text",
    [
        "We decided to move to Rome.",
        "It was decided that Rome it is.",
        "Let's go with the blue one.",
        "Wir haben uns für den Anbieter entschieden.",
        "Es wurde gestern beschlossen.",
        "Nous avons décidé de partir.",
        "On part sur la version bleue.",
        "Hemos decidido renovar.",
        "Se acordó pagar.",
        "The budget is approved.",
    ],
)
def test_what_was_decided_is_found(text):
    assert summary.summarise("s", [said(text)]).decisions == (text,)


@pytest.mark.parametrize(
    "text",
    [
        "Have we decided yet?",
        "We have not decided.",
        "It is more than what we agreed.",
        "Wir haben noch nicht entschieden.",
        "Nous n'avons pas encore décidé de rien : pas encore décidé.",
        "Aún no hemos decidido.",
    ],
)
def test_what_was_not_decided_is_no_decision(text):
    assert summary.summarise("s", [said(text)]).decisions == ()


@pytest.mark.parametrize(
    ("text", "owner", "action"),
    [
        ("Could you please send the report?", "bob@y.test", "Send the report"),
        ("I'll call the bank tomorrow.", "alice@x.test", "Call the bank tomorrow"),
        ("Bob will order the parts.", "bob@y.test", "Order the parts"),
        ("Alice, please book the room.", "alice@x.test", "Book the room"),
        ("TODO: renew the certificate", "alice@x.test", "Renew the certificate"),
        ("Kannst du bitte den Vertrag prüfen?", "bob@y.test", "Den Vertrag prüfen"),
        ("Ich werde das Angebot schreiben.", "alice@x.test", "Das Angebot schreiben"),
        ("Pouvez-vous envoyer le devis ?", "bob@y.test", "Envoyer le devis"),
        ("Je vais appeler la banque.", "alice@x.test", "Appeler la banque"),
        ("¿Podrías revisar el contrato?", "bob@y.test", "Revisar el contrato"),
        ("Voy a llamar al banco.", "alice@x.test", "Llamar al banco"),
    ],
)
def test_who_is_to_do_what_is_found(text, owner, action):
    assert items(text) == [(owner, action)]


@pytest.mark.parametrize(
    "text",
    [
        "Please find attached the report.",
        "Please let me know if you need more.",
        "I'll be happy to help.",
        "Bitte zögern Sie nicht.",
        "N'hésitez pas à appeler.",
    ],
)
def test_politeness_is_nothing_to_do(text):
    assert items(text) == []


def test_a_wish_to_nobody_in_particular_has_the_names_of_all():
    assert items("Please read the report.", to=(BOB, CAROL)) == [("Bob, carol", "Read the report")]


@pytest.mark.parametrize(
    ("last", "is_resolved"),
    [
        ("The issue is resolved, thank you.", True),
        ("It works now.", True),
        ("It still does not work.", False),
        ("It is not resolved.", False),
        ("Is it resolved?", False),
        ("Resolved. But when does the server come back?", False),
        ("Das hat sich erledigt.", True),
        ("Das Problem ist noch nicht gelöst.", False),
        ("C'est résolu, merci.", True),
        ("Ce n'est toujours pas résolu.", False),
        ("Ya está resuelto.", True),
        ("Sigue sin funcionar.", False),
    ],
)
def test_how_a_conversation_stands(last, is_resolved):
    assert summary.is_resolved([said("It is broken."), said(last, BOB, (ALICE,))]) is is_resolved


def test_nothing_said_leaves_the_subject():
    assert summary.summarise("Only a subject", []).summary == "Only a subject."
    assert summary.summarise("", [said("")]).summary == ""


def test_lines_that_a_program_broke_are_one_sentence_and_abbreviations_end_none():
    first = "This is a line that a mail program has broken in two because it\nwas too long for Dr. Smith."
    text = f"{first} And another.\n\n- a point\n- b point"
    assert sentences.split(text) == (
        "This is a line that a mail program has broken in two because it was too long for Dr. Smith.",
        "And another.",
        "a point",
        "b point",
    )


def test_a_letter_of_nobody_promises_nothing():
    nobody = Person("", None)
    found = summary.summarise("s", [said("I will call the bank tomorrow morning.", nobody)])
    assert found.action_items == ()
    assert found.summary == "?: I will call the bank tomorrow morning."
