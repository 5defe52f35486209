"""The state of a script that runs: variables, flags, and what it has asked for so far."""

from dataclasses import replace

from mailserver.mail.sieve import expansion
from mailserver.mail.sieve.facts import Letter, World
from mailserver.mail.sieve.problem import SieveFailed
from mailserver.mail.sieve.result import Filing, Rejection, Result, Vacation

MOST_ACTIONS = 32
MOST_REDIRECTS = 5
MOST_VARIABLES = 128
LONGEST_VARIABLE = 4_096  # RFC 5229 3: 4,000 at the least
MOST_WORK = 100_000  # in thousands of characters looked at
LARGEST_WORK = 5_000  # of one comparison


class Machine:
    """One run over one message."""

    def __init__(self, letter: Letter, world: World, capabilities: frozenset[str]) -> None:
        self.letter = letter
        self.world = world
        self.flags: tuple[str, ...] = ()  # the internal variable of RFC 5232 2
        self._expands = "variables" in capabilities
        self._variables: dict[str, str] = {}
        self._matched: tuple[str, ...] = ()
        self._filings: list[Filing] = []
        self._redirects: dict[str, str] = {}
        self._rejection: Rejection | None = None
        self._vacation: Vacation | None = None
        self._keeps = True
        self._actions = 0
        self._work = 0

    # -- strings ------------------------------------------------------------------------------------------------

    def text(self, raw: str) -> str:
        """A string of the script with its variables filled in."""
        if not self._expands or "${" not in raw:
            return raw
        filled = expansion.fill(raw, self.variable)
        self.spend(len(filled))
        return filled

    def texts(self, raw: tuple[str, ...]) -> list[str]:
        """Strings with their variables filled in."""
        return [self.text(each) for each in raw]

    def variable(self, name: str) -> str:
        """The value of a variable, '' where it was never set; a number names a part of the last match."""
        if name.isdigit():
            number = int(name[:9])
            return self._matched[number] if number < len(self._matched) else ""
        return self._variables.get(name.lower(), "")

    def set(self, name: str, value: str) -> None:
        """Give a variable its value, cut where it is too long."""
        key = name.lower()
        if key not in self._variables and len(self._variables) >= MOST_VARIABLES:
            raise SieveFailed(f"A script has {MOST_VARIABLES} variables at most.")
        self._variables[key] = value[:LONGEST_VARIABLE]

    def matched(self, parts: list[str]) -> None:
        """Keep the parts of a match by wildcards (RFC 5229 3.2)."""
        self._matched = tuple(part[:LONGEST_VARIABLE] for part in parts[:10])

    def spend(self, characters: int) -> None:
        """Count work; SieveFailed where a script does too much of it."""
        work = characters // 1000
        self._work += work + 1
        if work > LARGEST_WORK or self._work > MOST_WORK:
            raise SieveFailed("The script takes too much work for this message.")

    # -- actions ------------------------------------------------------------------------------------------------

    def keep(self, flags: tuple[str, ...] | None) -> None:
        """Let the message go where it would have gone anyway."""
        self.file(Filing(flags=self.flags if flags is None else flags))

    def file(self, filing: Filing, *, is_copy: bool = False) -> None:
        """Put a copy into a folder. The same folder twice is once (RFC 5228 2.10.3)."""
        self._act()
        self._refuse_with_rejection()
        self._keeps = self._keeps and is_copy
        for number, known in enumerate(self._filings):
            if (known.folder.lower(), known.special_use.lower()) == (filing.folder.lower(), filing.special_use.lower()):
                merged = tuple(dict.fromkeys((*known.flags, *filing.flags)))
                self._filings[number] = replace(known, flags=merged, creates=known.creates or filing.creates)
                return
        self._filings.append(filing)

    def redirect(self, address: str, *, is_copy: bool = False) -> None:
        """Pass the message on."""
        self._act()
        self._refuse_with_rejection()
        self._keeps = self._keeps and is_copy
        self._redirects.setdefault(address.lower(), address)
        if len(self._redirects) > MOST_REDIRECTS:
            raise SieveFailed(f"A script redirects a message to {MOST_REDIRECTS} addresses at most.")

    def discard(self) -> None:
        """Do not keep the message unless something else does."""
        self._act()
        self._keeps = False

    def reject(self, rejection: Rejection) -> None:
        """Refuse the message; nothing else but discarding may be done with it (RFC 5429 2.4)."""
        self._act()
        if self._rejection is not None or self._filings or self._redirects or self._vacation is not None:
            raise SieveFailed("A message that is rejected cannot be kept, filed, redirected, answered or rejected too.")
        self._rejection = rejection
        self._keeps = False

    def answer(self, vacation: Vacation) -> None:
        """Answer the message once (RFC 5230 4.7: never together with a rejection)."""
        self._act()
        self._refuse_with_rejection()
        if self._vacation is not None:
            raise SieveFailed("A message is answered once.")
        self._vacation = vacation

    def result(self) -> Result:
        """What came of it, the implicit keep included (RFC 5228 2.10.2)."""
        if self._keeps:
            self.keep(None)
        return Result(tuple(self._filings), tuple(self._redirects.values()), self._rejection, self._vacation)

    def _act(self) -> None:
        self._actions += 1
        if self._actions > MOST_ACTIONS:
            raise SieveFailed(f"A script does {MOST_ACTIONS} things with a message at most.")

    def _refuse_with_rejection(self) -> None:
        if self._rejection is not None:
            raise SieveFailed("A message that is rejected cannot be kept, filed, redirected or answered too.")
