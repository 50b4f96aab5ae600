"""`python -m benchmarks.desk.day [--days N]`: simulated days at a review queue; what was foretold against what came.

Tickets come as a Poisson process whose rate changes by the hour, reviewers work in shifts and take log-normal times,
and the ticket that is due first is taken first. At each arrival the desk's own rules
(`escalation/domain/forecast.py`) foretell when the ticket will be decided, from what the desk would know then.
"""

import argparse
import heapq
import itertools
import math
import random
import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial

from escalation.domain.forecast import WINDOW_SECONDS, estimate_pace, predict_overrun, predict_wait

HOUR, MINUTE = 3_600.0, 60.0
OPENING, CLOSING = 8 * HOUR, 18 * HOUR
TARGETS = (
    (0.5, 5 * MINUTE),
    (0.5, 30 * MINUTE),
)  # shares, and the time in which such tickets are to be decided
MEDIAN_WORK, SPREAD = 75.0, 0.7  # of the log-normal handling time: seconds, and sigma
MEAN_WORK = MEDIAN_WORK * math.exp(SPREAD**2 / 2)
SHIFTS = ((8, 16), (8, 16), (9, 17), (9, 17), (10, 18), (10, 18))  # hours; half an hour's break in the middle
# Arrivals by hour of the day, against what all six reviewers manage at most.
SHAPE = {8: 0.5, 9: 0.8, 10: 1.0, 11: 0.9, 12: 0.6, 13: 0.7, 14: 1.0, 15: 0.9, 16: 0.6, 17: 0.4}
LOADS = {"calm": 0.5, "full": 0.85, "too much": 1.15}


@dataclass(slots=True)
class Ticket:
    """One ticket: its times in seconds of the day; `expected_at` is what was foretold when it came, if anything was."""

    opened_at: float
    due_at: float
    expected_at: float | None = None
    touched_at: float = math.inf
    resolved_at: float = math.inf

    @property
    def is_foreseen(self) -> bool:
        """Tell whether it was said to be late."""
        return self.expected_at is not None and self.expected_at > self.due_at

    @property
    def is_late(self) -> bool:
        """Tell whether it was."""
        return self.resolved_at > self.due_at


@dataclass(slots=True)
class Desk:
    """What a desk would know: tickets in the order of their coming, who decided what, who holds what."""

    tickets: list[Ticket] = field(default_factory=list)
    open: list[Ticket] = field(default_factory=list)
    decided_at: list[float] = field(default_factory=list)
    decided: list[tuple[int, float]] = field(default_factory=list)
    held: dict[int, Ticket] = field(default_factory=dict)
    overruns: list[tuple[float, float | None]] = field(default_factory=list)

    def find_pace(self, now: float) -> tuple[float | None, float | None]:
        """Return the pace that the desk's rules tell at a moment, and how long a decision took, in seconds."""
        lately = self.decided[bisect_right(self.decided_at, now - WINDOW_SECONDS) :]
        people = {who for who, _ in lately} | set(self.held)
        work = statistics.fmean(seconds for _, seconds in lately) if lately else None
        return estimate_pace(len(lately), len(people), work), work

    def open_ticket(self, ticket: Ticket) -> None:
        """Take a ticket in, and foretell when it will be decided."""
        now = ticket.opened_at
        ahead = sum(one.due_at <= ticket.due_at for one in self.open)
        wait = predict_wait(ahead, *self.find_pace(now))
        ticket.expected_at = None if wait is None else now + wait
        self.tickets.append(ticket)
        self.open.append(ticket)

    def decide(self, who: int, now: float) -> None:
        """End the work that somebody holds."""
        ticket = self.held.pop(who)
        ticket.resolved_at = now
        self.open.remove(ticket)
        self.decided_at.append(now)
        self.decided.append((who, now - ticket.touched_at))

    def foretell_overrun(self, now: float) -> None:
        """Note from when on, as the board would say now, tickets will come too late; None: not at this pace."""
        came = self.tickets[bisect_right(self.tickets, now - WINDOW_SECONDS, key=lambda one: one.opened_at) :]
        if not came:
            return
        target = statistics.fmean(one.due_at - one.opened_at for one in came)
        rate = len(came) / WINDOW_SECONDS
        seconds = predict_overrun(len(self.open), rate, self.find_pace(now)[0], target)
        self.overruns.append((now, seconds))


class _Day:
    """A day under way: what comes next, in the order of time."""

    def __init__(self, load: float, seed: int) -> None:
        self.desk = Desk()
        self._rng = random.Random(seed)
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        for ticket in _draw_arrivals(load, self._rng):
            self._plan(ticket.opened_at, partial(self._open, ticket))
        for begin, end in SHIFTS:
            for hour in (begin, (begin + end + 1) / 2):
                self._plan(hour * HOUR, self._set_to_work)
        for minute in range(int(OPENING / MINUTE), int(CLOSING / MINUTE)):
            self._plan(minute * MINUTE, self.desk.foretell_overrun)

    def pass_by(self) -> Desk:
        """Let all happen."""
        while self._events:
            now, _, happen = heapq.heappop(self._events)
            happen(now)
        return self.desk

    def _plan(self, at: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), happen))

    def _open(self, ticket: Ticket, now: float) -> None:
        self.desk.open_ticket(ticket)
        self._set_to_work(now)

    def _decide(self, who: int, now: float) -> None:
        self.desk.decide(who, now)
        self._set_to_work(now)

    def _set_to_work(self, now: float) -> None:
        for who in range(len(SHIFTS)):
            first = _find_first(self.desk)
            if first and who not in self.desk.held and _is_there(who, now):
                self.desk.held[who], first.touched_at = first, now
                seconds = self._rng.lognormvariate(math.log(MEDIAN_WORK), SPREAD)
                self._plan(now + seconds, partial(self._decide, who))


def _draw_arrivals(load: float, rng: random.Random) -> Iterator[Ticket]:
    """Thin a Poisson process of the busiest hour down to each hour's rate."""
    most, now = load * len(SHIFTS) / MEAN_WORK, OPENING
    while (now := now + rng.expovariate(most)) < CLOSING:
        if rng.random() < SHAPE[int(now // HOUR)]:
            target = rng.choices([seconds for _, seconds in TARGETS], [share for share, _ in TARGETS])[0]
            yield Ticket(now, now + target)


def _is_there(who: int, now: float) -> bool:
    begin, end = (hour * HOUR for hour in SHIFTS[who])
    middle = (begin + end) / 2
    return begin <= now < end and not middle <= now < middle + HOUR / 2


def _find_first(desk: Desk) -> Ticket | None:
    free = [ticket for ticket in desk.open if ticket.touched_at == math.inf]
    return min(free, key=lambda ticket: ticket.due_at, default=None)


@dataclass(frozen=True, slots=True)
class Score:
    """What the forecasts of some days were worth.

    Attributes: tickets, late, unforetold: numbers; the last: nobody was there when they came.
        right_of_foreseen: share of those said to be late that were.  foreseen_of_late: share of the late of which it
        was said.  stretch: true wait over the foretold one: a tenth, half and nine tenths of the tickets are below.
        warned: of the minutes after which, within an hour, a ticket came that was decided too late: the share in which
            the board foretold that for the hour.  false_alarm: of the minutes in which it did, the share in vain.
    """

    tickets: int
    late: int
    unforetold: int
    right_of_foreseen: float
    foreseen_of_late: float
    stretch: tuple[float, float, float]
    warned: float
    false_alarm: float


def score(desks: Sequence[Desk]) -> Score:
    """Hold what was foretold on all days against what came."""
    tickets = [one for desk in desks for one in desk.tickets if one.resolved_at < math.inf]
    foreseen, late = [t for t in tickets if t.is_foreseen], [t for t in tickets if t.is_late]
    stretches = [
        (t.resolved_at - t.opened_at) / (t.expected_at - t.opened_at) for t in tickets if t.expected_at
    ]
    tenths = statistics.quantiles(stretches, n=10)
    alarms, spells = [], []
    for desk in desks:
        late_at = sorted(t.opened_at for t in desk.tickets if t.is_late)
        for now, seconds in desk.overruns:
            comes = bisect_right(late_at, now) < bisect_right(late_at, now + HOUR)
            if seconds is not None and seconds <= HOUR:
                alarms.append(not comes)
            if comes:
                spells.append(seconds is not None and seconds <= HOUR)
    return Score(
        tickets=len(tickets),
        late=len(late),
        unforetold=sum(t.expected_at is None for t in tickets),
        right_of_foreseen=_share(sum(t.is_late for t in foreseen), len(foreseen)),
        foreseen_of_late=_share(sum(t.is_foreseen for t in late), len(late)),
        stretch=(tenths[0], statistics.median(stretches), tenths[8]),
        warned=_share(sum(spells), len(spells)),
        false_alarm=_share(sum(alarms), len(alarms)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def main() -> None:
    """Simulate days of each load and print what the forecasts were worth."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desk.day", description=__doc__)
    parser.add_argument("--days", type=int, default=40, help="simulated days of each load")
    days = parser.parse_args().days
    for name, load in LOADS.items():
        found = score([_Day(load, seed).pass_by() for seed in range(days)])
        print(f"{name}:")
        for figure in fields(Score):
            value = getattr(found, figure.name)
            several = value if isinstance(value, tuple) else (value,)
            print(
                f"  {figure.name:17}", *(f"{one:.2f}" if isinstance(one, float) else one for one in several)
            )


if __name__ == "__main__":
    main()
