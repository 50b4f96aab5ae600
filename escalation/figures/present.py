"""How review queues stand at this moment: what waits, who is there, and what will be late at the present pace.

Five statements, however much waits. Read next: `foreseeing.py`, which keeps what is foreseen of a new ticket.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from escalation.domain.forecast import WINDOW_SECONDS, estimate_pace, predict_overrun, predict_wait
from orchestration.domain.holds import HoldSubject

AGES: Final[tuple[tuple[str, float], ...]] = (
    ("under 5 min", 300),
    ("5 to 15 min", 900),
    ("15 min to 1 h", 3_600),
    ("1 to 4 h", 14_400),
    ("4 to 24 h", 86_400),
    ("over 24 h", float("inf")),
)
"""How long tickets have been open: what it is called, and below how many seconds."""

_FARTHEST: Final = 7 * 86_400.0
"""Beyond a week no pace of an hour says anything."""


@dataclass(slots=True)
class QueueNow:
    """One review queue.

    Attributes:
        ages: open tickets, by the places of `AGES`.  audits: open besides; nothing waits for them.
        arrivals, decided: within the last hour.  target_seconds: what the arrived were to be decided in, on average.
        work_seconds: from first claim to decision, on average.  present: who decided something or holds a claim.
        hands: those people, each split among the queues where they are present, and among the votes of a decision.
        in_line: open tickets that are neither paused nor put off until later.
        late_ahead: open tickets in time that will not be, at the present pace.  first_late_at: when the first is due.
    """

    queue: int
    ages: list[int] = field(default_factory=lambda: [0] * len(AGES))
    audits: int = 0
    claimed: int = 0
    overdue: int = 0
    in_line: int = 0
    arrivals: int = 0
    decided: int = 0
    present: int = 0
    hands: float = 0.0
    target_seconds: float | None = None
    work_seconds: float | None = None
    late_ahead: int = 0
    first_late_at: datetime | None = None

    @property
    def open(self) -> int:
        """Return how many tickets wait, and something for them."""
        return sum(self.ages)

    @property
    def pace(self) -> float | None:
        """Return how many decisions a second it is good for; None when nobody is there."""
        return estimate_pace(self.decided, self.hands, self.work_seconds)

    @property
    def wait_seconds(self) -> float | None:
        """Return how long a ticket would wait that is due after all others; None when nobody is there."""
        return predict_wait(self.in_line, self.pace, self.work_seconds)

    def find_overrun(self, now: datetime) -> datetime | None:
        """Return from when on what comes will not be decided in time; None: not at this pace, or nothing came."""
        if self.target_seconds is None:
            return None
        seconds = predict_overrun(
            self.in_line, self.arrivals / WINDOW_SECONDS, self.pace, self.target_seconds
        )
        return None if seconds is None or seconds > _FARTHEST else now + timedelta(seconds=seconds)


@dataclass(slots=True)
class ReviewerNow:
    """One person: live claims now, decisions and votes within the last hour, audits too, and how many claims may be."""

    name: str = ""
    claims: int = 0
    decided: int = 0
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class DeskNow:
    """All queues that were asked for, and the people at some of them."""

    queues: Mapping[int, QueueNow]
    reviewers: list[ReviewerNow]


HOLDS: Final = f"subject <> '{HoldSubject.AUDIT}'"
"""Of tickets: those that something waits for. Audits are done when there is time, and make no other ticket late."""

IN_LINE: Final = (
    f"status = 'open' AND {HOLDS} AND decided_at IS NULL AND paused_at IS NULL "
    "AND (snoozed_until IS NULL OR snoozed_until <= %(now)s)"
)
"""Of tickets: those that wait to be decided. Work that nobody is offered makes no other ticket late."""

_AGE_BOUNDS = ", ".join(f"{below:.0f}" for _, below in AGES[:-1])
_OPEN: Final = f"""
SELECT queue_id, width_bucket(EXTRACT(EPOCH FROM %(now)s - opened_at)::float8, ARRAY[{_AGE_BOUNDS}]::float8[]),
    count(*) FILTER (WHERE {HOLDS}),
    count(*) FILTER (WHERE {HOLDS} AND claimed_by_id IS NOT NULL AND claim_expires_at > %(now)s),
    count(*) FILTER (WHERE {HOLDS} AND due_at < LEAST(decided_at, paused_at, %(now)s)),
    count(*) FILTER (WHERE {IN_LINE}),
    count(*) FILTER (WHERE NOT {HOLDS})
FROM escalation_ticket WHERE status = 'open' AND queue_id = ANY(%(queues)s) GROUP BY 1, 2
"""
_ARRIVED = f"""
SELECT queue_id, count(*), avg(EXTRACT(EPOCH FROM due_at - opened_at))::float8 FROM escalation_ticket
WHERE opened_at > %(since)s AND {HOLDS} AND queue_id = ANY(%(queues)s) GROUP BY 1
"""
# People are counted over all queues, whichever are asked for: who works elsewhere too is not wholly here. Each vote is
# its voter's work, the decision that came of it nobody's besides; and a decision takes as many hands as votes.
_WORKED = f"""
SELECT known.*, 1.0::float8 / places / q.votes_needed FROM (
    SELECT queue_id, person, sum(decided), sum(done), sum(seconds)::float8, count(seconds), sum(claims),
    count(*) OVER (PARTITION BY person) AS places FROM (
    SELECT queue_id, resolved_by_id AS person, CASE WHEN {HOLDS} THEN 1 ELSE 0 END AS decided,
        CASE WHEN seats = 1 OR needs_lead THEN 1 ELSE 0 END AS done, 0 AS claims,
        CASE WHEN {HOLDS} THEN EXTRACT(EPOCH FROM COALESCE(decided_at, resolved_at) - touched_at) END AS seconds
    FROM escalation_ticket WHERE resolved_at > %(since)s
  UNION ALL
    SELECT t.queue_id, v.person_id, 0, 1, 0, NULL
    FROM escalation_vote v JOIN escalation_ticket t ON t.id = v.ticket_id WHERE v.at > %(since)s
  UNION ALL
    SELECT queue_id, claimed_by_id, 0, 0, 1, NULL FROM escalation_ticket
    WHERE status = 'open' AND decided_at IS NULL AND claimed_by_id IS NOT NULL AND claim_expires_at > %(now)s
  UNION ALL
    SELECT t.queue_id, s.person_id, 0, 0, 1, NULL
    FROM escalation_seat s JOIN escalation_ticket t ON t.id = s.ticket_id
    WHERE t.status = 'open' AND NOT t.needs_lead AND s.claim_expires_at > %(now)s
) work WHERE person IS NOT NULL GROUP BY 1, 2) known
JOIN escalation_reviewqueue q ON q.id = queue_id WHERE queue_id = ANY(%(queues)s)
"""
_LATE = f"""
SELECT queue_id, count(*), min(due_at) FROM (
    SELECT queue_id, due_at, row_number() OVER (PARTITION BY queue_id ORDER BY due_at, id) AS place
    FROM escalation_ticket WHERE {IN_LINE} AND queue_id = ANY(%(queues)s)
) waiting JOIN unnest(%(queues)s::bigint[], %(paces)s::float8[]) AS known (queue, pace) ON known.queue = queue_id
WHERE due_at >= %(now)s AND place / pace > EXTRACT(EPOCH FROM due_at - %(now)s) GROUP BY 1
"""
_NAMES = """
SELECT u.id, u.username, p.capacity FROM auth_user u
LEFT JOIN escalation_reviewerprofile p ON p.user_id = u.id WHERE u.id = ANY(%(people)s)
"""


def look_at_desk(queues: Collection[int], now: datetime, *, people_of: Collection[int] = ()) -> DeskNow:
    """Return how these queues stand.

    Args: now: PostgreSQL's time.  people_of: the queues whose reviewers are told by name.
    """
    found = {queue: QueueNow(queue) for queue in queues}
    people = _look_at_work(found, now, frozenset(people_of))
    _look_at_late(found, now)
    return DeskNow(found, _name_people(people))


def look_at_work(queues: Collection[int], now: datetime) -> dict[int, QueueNow]:
    """Return the pace of these queues, without what waits in them."""
    found = {queue: QueueNow(queue) for queue in queues}
    _read_work(found, now, frozenset())
    return found


def _look_at_work(
    found: Mapping[int, QueueNow], now: datetime, people_of: frozenset[int]
) -> dict[int, ReviewerNow]:
    span = _name_span(found, now)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, span)
        for queue, age, count, claimed, overdue, in_line, audits in cursor:
            found[queue].ages[age] = count
            found[queue].audits += audits
            found[queue].claimed += claimed
            found[queue].overdue += overdue
            found[queue].in_line += in_line
        cursor.execute(_ARRIVED, span)
        for queue, count, target_seconds in cursor:
            found[queue].arrivals, found[queue].target_seconds = count, target_seconds
    return _read_work(found, now, people_of)


def _read_work(
    found: Mapping[int, QueueNow], now: datetime, people_of: frozenset[int]
) -> dict[int, ReviewerNow]:
    """Put into the queues what was decided and by how many; return the people of some of them."""
    people: dict[int, ReviewerNow] = {}
    measured: dict[int, tuple[float, int]] = {}
    span = _name_span(found, now)
    with connection.cursor() as cursor:
        cursor.execute(_WORKED, span)
        for queue, person, decided, done, seconds, count, claims, _, part in cursor:
            found[queue].decided += decided
            found[queue].present += 1
            found[queue].hands += part
            total, times = measured.get(queue, (0.0, 0))
            measured[queue] = (total + (seconds or 0.0), times + count)
            if queue in people_of:
                known = people.setdefault(person, ReviewerNow())
                known.claims, known.decided = known.claims + claims, known.decided + done
    for queue, (total, times) in measured.items():
        found[queue].work_seconds = total / times if times else None
    return people


def _name_span(found: Mapping[int, QueueNow], now: datetime) -> dict[str, Any]:
    return {"queues": list(found), "now": now, "since": now - timedelta(seconds=WINDOW_SECONDS)}


def _look_at_late(found: Mapping[int, QueueNow], now: datetime) -> None:
    paced = [queue for queue in found.values() if queue.pace is not None]
    parameters: dict[str, Any] = {
        "queues": [queue.queue for queue in paced],
        "paces": [queue.pace for queue in paced],
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LATE, parameters)
        for queue, count, first in cursor:
            found[queue].late_ahead, found[queue].first_late_at = count, first


def _name_people(people: dict[int, ReviewerNow]) -> list[ReviewerNow]:
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, {"people": list(people)})
        for person, name, capacity in cursor:
            people[person].name, people[person].capacity = name, capacity
    return sorted(people.values(), key=lambda reviewer: (-reviewer.claims, -reviewer.decided, reviewer.name))
