import pytest

from mailserver.mail import threading
from tests.support import cost


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Hello", "Hello"),
        ("Re: Hello", "Hello"),
        ("RE: Fwd: [list] AW: Hello (fwd)", "Hello"),
        ("[Fwd: Re: Hello]", "Hello"),
        ("Re[2]: Hello", "Hello"),
        ("Re [list]: Hello", "Hello"),
        ("SV: VS: Antw: Odp: Hello", "Hello"),
        ("回复\uff1aHello", "Hello"),
        ("[only a tag]", "[only a tag]"),
        ("[a] [b]", "[b]"),
        ("Re:", ""),
        ("  Hello\t\n  world ", "Hello world"),
        ("Regarding: x", "Regarding: x"),
        ("Hello (fwd) (fwd)", "Hello"),
        ("", ""),
    ],
)
def test_answer_words_and_tags_are_stripped(subject, base):
    assert threading.base_subject(subject) == base


def test_answers_hash_like_their_originals_and_empty_subjects_join_nothing():
    assert threading.subject_hash("Re: HELLO") == threading.subject_hash("hello") != threading.subject_hash("other")
    assert threading.subject_hash("Re:") == 0


def test_reference_hashes_name_each_id_once_and_the_own_id_last():
    own, parent, root = (threading.reference_hashes(each, None, ())[0] for each in ("<c@x>", "<b@x>", "<a@x>"))
    assert threading.reference_hashes("<c@x>", "<b@x>", ("<a@x>", "<b@x>")) == (root, parent, own)
    assert all(0 <= each < 1 << 63 for each in (own, parent, root))
    assert threading.reference_hashes(None, None, ()) == ()


def test_of_very_many_references_the_first_and_the_last_count():
    names = [f"<{number}@x>" for number in range(500)]
    found = threading.reference_hashes("<own@x>", None, names)
    assert len(found) == threading.MAX_REFERENCES
    assert found[0] == threading.reference_hashes(names[0], None, ())[0]
    assert found[-2] == threading.reference_hashes(names[-1], None, ())[0]


@pytest.mark.parametrize("piece", ["re: ", "[x] ", "(fwd)", "[fwd: ", "[", " ", "re ", "re[1"])
def test_no_subject_takes_long(piece):
    assert cost.seconds(threading.base_subject, piece * (200_000 // len(piece))) < 0.5
