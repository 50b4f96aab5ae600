"""The process as the executor sees it: which row it is, what it claimed last, how busy it is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from agents.admission import take_calls
from agents.sessions import share_pool
from orchestration.domain.work import Claim
from orchestration.worker.flights import Flights

_ENTER_TIMEOUT_SECONDS = 30.0


class Teller(Protocol):
    """Shows steps that ran without a message of their own to whoever watches the workers."""

    def tell(self, claim: Claim, word: str) -> None:
        """Tell of one finished step."""


@dataclass(slots=True)
class Report:
    """What a beat reports: steps in flight, and how recent the messages are that get claimed.

    Attributes: hung: threads that are lost to steps long past their deadline.  calls: how often each agent was called
        since the last report.
    """

    busy: int = 0
    hung: int = 0
    last_claim_at: datetime | None = None
    newest_dispatch_at: datetime | None = None
    calls: dict[str, int] = field(default_factory=dict)


@dataclass
class WorkerHost:
    """One executing process. `entered` is set while it has a row."""

    teller: Teller | None = None
    entered: threading.Event = field(default_factory=threading.Event)
    flights: Flights = field(default_factory=Flights)
    _process_id: int = 0
    _report: Report = field(default_factory=Report)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def process_id(self) -> int:
        """Return the row's id; waits for the first beat at start-up, and for another after `enter_anew`."""
        if not self.entered.wait(_ENTER_TIMEOUT_SECONDS):
            raise TimeoutError("this worker process has no row yet: is PostgreSQL reachable?")
        return self._process_id

    def enter(self, process_id: int) -> None:
        """Take the row that was written for this process."""
        with self._lock:
            self._process_id = process_id
            self.entered.set()

    def enter_anew(self, process_id: int) -> None:
        """Wait for the next beat, unless there was one since this row was found to have ended."""
        with self._lock:
            if self._process_id == process_id:
                self.entered.clear()

    def note_claim(self, claim: Claim) -> None:
        """Remember a claim that came from a message."""
        with self._lock:
            self._report.last_claim_at = claim.claimed_at
            newest = self._report.newest_dispatch_at
            # One later than this claim was read before the clock stepped back: all that is queued would look overtaken.
            is_newest = newest is None or claim.dispatched_at > newest or newest > claim.claimed_at
            # An older copy says nothing of when its own message was sent.
            if claim.is_of_newest_message and is_newest:
                self._report.newest_dispatch_at = claim.dispatched_at

    def note_attempt(self, claim: Claim) -> None:
        """Know what this thread performs from now on, and until when it may."""
        self.flights.note(claim)

    def tell_ran_on(self, claim: Claim, word: str) -> None:
        """Show a step that was run on."""
        if self.teller is not None:
            self.teller.tell(claim, word)

    @contextmanager
    def at_work(self) -> Iterator["WorkerHost"]:
        """Count one message in flight."""
        share_pool()
        self.flights.begin()
        try:
            yield self
        finally:
            self.flights.end()

    def report(self) -> Report:
        """Return what the next beat shall say; the calls are handed over."""
        busy, hung = self.flights.count()
        with self._lock:
            claimed, dispatched = self._report.last_claim_at, self._report.newest_dispatch_at
        return Report(busy, hung, claimed, dispatched, take_calls())


# One per process from the start, never replaced: messages may be delivered before the process has its row, and
# they wait on this one. A forked child inherits it before anybody has entered.
_THIS = WorkerHost()


def this_host() -> WorkerHost:
    """Return the process's host."""
    return _THIS


@contextmanager
def current_host() -> Iterator[WorkerHost]:
    """Give the process's host, counted as busy meanwhile."""
    with _THIS.at_work() as host:
        yield host
