"""Jobs that were claimed for a destination and wait for a worker: the urgent first, none for ever (RFC 6710 5.2)."""

from collections import deque

from mailserver.entities.delivery import Job

URGENCY_MS = 60_000  # of waiting, that one step of priority is worth


class Backlog:
    """In the order in which they were claimed, as far as none is more urgent."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[int, Job]] = deque()
        self.recipients = 0  # of all of them

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job, now: int) -> None:
        """Put a job where its priority and its age place it."""
        rank = now - max(delivery.priority for delivery in job.deliveries) * URGENCY_MS
        place = len(self._jobs)
        while place and self._jobs[place - 1][0] > rank:
            place -= 1
        self._jobs.insert(place, (rank, job))
        self.recipients += len(job.deliveries)

    def pop(self) -> Job:
        """Take the first."""
        _, job = self._jobs.popleft()
        self.recipients -= len(job.deliveries)
        return job

    def clear(self) -> list[int]:
        """Forget them all; the ids of their deliveries."""
        forgotten = [delivery.id for _, job in self._jobs for delivery in job.deliveries]
        self._jobs.clear()
        self.recipients = 0
        return forgotten
