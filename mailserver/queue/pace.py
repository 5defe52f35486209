"""How hard a destination is pressed: more while it takes mail, less when it asks for rest."""

from mailserver.entities.delivery import Deferred, Outcome

FIRST_LIMIT = 5.0  # connections to a destination that nothing is known of
GENTLE_FACTOR = 0.9  # one recipient was put off
HARD_FACTOR = 0.5  # the whole destination said no
LONGEST_REST_SECONDS = 900.0


class Pace:
    """One destination's limit of connections, and its rest after nothing works."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = min(FIRST_LIMIT, self._most)
        self._rests = 0
        self.rested_at = 0  # unix milliseconds until which nothing is tried

    @property
    def limit(self) -> int:
        """Connections at the same time."""
        return int(self._limit)

    def is_resting(self, now: int) -> bool:
        """Whether to leave the destination alone."""
        return now < self.rested_at

    def learn(self, outcome: Outcome) -> bool:
        """Take an outcome into account; True where the destination needs rest: nothing got through, one by one."""
        if not isinstance(outcome, Deferred):
            # A refusal of one recipient is an answer too: the host works.
            self._limit = min(self._limit + 1, self._most)
            self._rests = 0
            return False
        if not outcome.whole_destination:
            self._limit = max(1.0, self._limit * GENTLE_FACTOR)
            return False
        self._limit *= HARD_FACTOR
        if self._limit >= 1:
            return False
        self._limit = 1.0
        return True

    def rest(self, now: int, wait_seconds: float) -> int:
        """Begin a rest and count it; when it ends."""
        self._rests += 1
        self.rested_at = now + int(min(wait_seconds, LONGEST_REST_SECONDS) * 1000)
        return self.rested_at

    @property
    def rests(self) -> int:
        """Rests since mail last got through."""
        return self._rests
