"""Made-up mail about topics, in English and German, the same for the same seed: what labels are learned from.

It is made hard on purpose: every letter has words of another topic in it, most words say nothing, senders write about
more than one thing, in three inboxes of ten there is one sender only, and one label in twenty is wrong.
"""

import random
from dataclasses import dataclass

_COMMON = (
    "today morning week time people work thing place way part number point group problem fact hand case home side "
    "kind head house service friend power hour game line end member city community name team minute idea body back "
    "heute Woche Zeit Leute Arbeit Sache Ort Weg Teil Zahl Gruppe Frage Haus Freund Stunde Spiel Ende Stadt Name"
)
COMMON = _COMMON.split()
TOPICS = {
    "billing": "invoice payment amount due account balance refund receipt tax charge overdue bank transfer reminder "
    "Rechnung Zahlung Betrag fällig Konto Erstattung Beleg Steuer Mahnung Überweisung Lastschrift",
    "travel": "flight hotel booking itinerary airport boarding train departure luggage reservation ticket visa "
    "Flug Hotel Buchung Reise Flughafen Abfahrt Gepäck Fahrkarte Bahn Zimmer",
    "support": "error crash login bug screenshot version update install reproduce server timeout broken fix ticket "
    "Fehler Absturz Anmeldung Aktualisierung Neustart Server kaputt Störung Installation",
    "hiring": "candidate interview resume position salary applicant recruiter offer references developer hiring role "
    "Bewerbung Lebenslauf Stelle Gehalt Vorstellungsgespräch Zeugnis Kandidatin Einstellung",
    "legal": "contract clause liability agreement signature court lawyer confidentiality terms amendment party notice "
    "Vertrag Klausel Haftung Vereinbarung Unterschrift Gericht Anwalt Geheimhaltung Kündigung",
    "shipping": "parcel delivery tracking warehouse courier shipment customs package address dispatched pallet label "
    "Paket Lieferung Sendung Lager Kurier Zoll Adresse Versand Palette",
    "newsletter": "subscribe edition article read story trends insights webinar exclusive discover highlights editor "
    "Ausgabe Artikel lesen Thema Angebot entdecken Redaktion Neuigkeiten",
    "family": "birthday grandma kids dinner garden school weekend photos cake holiday dog recipe beach "
    "Geburtstag Oma Kinder Abendessen Garten Schule Wochenende Fotos Kuchen Urlaub Hund",
    "sports": "match training coach score league season goal tournament jersey referee victory stadium "
    "Spiel Mannschaft Trainer Tor Liga Saison Turnier Sieg Stadion",
}
TRUST = 0.95  # of labels that are right


@dataclass(frozen=True)
class Topical:
    """A letter, and what it is about."""

    raw: bytes
    topic: str


class Postbag:
    """Writes letters of one inbox."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._senders = {topic: [f"{topic}{n}@site{n}.test" for n in range(4)] for topic in TOPICS}
        self._has_one_sender = self._random.random() < 0.3
        self.labelled = self._random.sample(sorted(TOPICS), self._random.randint(3, 6))

    def letter(self, topic: str) -> Topical:
        """A letter about a topic."""
        rng = self._random
        other = rng.choice(sorted(TOPICS))
        share = rng.uniform(0.08, 0.35)
        words = []
        for _ in range(rng.randint(6, 90)):
            chance = rng.random()
            source = (
                TOPICS[topic].split() if chance < share else TOPICS[other].split() if chance < share + 0.08 else COMMON
            )
            words.append(rng.choice(source))
        subject = " ".join(rng.choice(TOPICS[topic].split() if rng.random() < 0.5 else COMMON) for _ in range(4))
        sender = rng.choice(self._senders[topic if rng.random() < 0.6 else other])
        sender = "boss@remote.test" if self._has_one_sender else sender
        text = ". ".join(" ".join(words[start : start + 9]) for start in range(0, len(words), 9))
        head = f"From: <{sender}>\r\nTo: <me@local.test>\r\nSubject: {subject}\r\n"
        return Topical(f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}.\r\n".encode(), topic)

    def taught(self) -> list[tuple[Topical, str]]:
        """Letters with the labels that somebody gave them, one to fifteen of each."""
        found = []
        for topic in self.labelled:
            for _ in range(self._random.choice((1, 2, 3, 5, 8, 15))):
                is_right = self._random.random() < TRUST
                found.append((self.letter(topic), topic if is_right else self._random.choice(self.labelled)))
        self._random.shuffle(found)
        return found

    def coming(self, count: int) -> list[Topical]:
        """Letters that come in afterwards, about anything."""
        return [self.letter(self._random.choice(sorted(TOPICS))) for _ in range(count)]
