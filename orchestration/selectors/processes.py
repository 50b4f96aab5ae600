"""Which worker processes are present, and which of them could do nothing for a while."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Q

from orchestration.domain.states import AttemptOutcome
from orchestration.models import Attempt, WorkerProcess


def is_queue_served(queue: str) -> bool:
    """Return whether a present worker process takes messages from this queue."""
    return WorkerProcess.objects.filter(stopped_at=None, queues__contains=[queue]).exists()


def count_in_flight(process_ids: set[int]) -> dict[int, int]:
    """Return how many steps each dead process had in flight: those still claimed and those freed already."""
    attempts = Attempt.objects.filter(process_id__in=process_ids)
    lost = attempts.filter(Q(outcome=None) | Q(outcome=AttemptOutcome.CRASHED))
    rows = lost.order_by().values_list("process_id").annotate(steps=Count("id"))
    return {process_id: steps for process_id, steps in rows if process_id is not None}


@dataclass(frozen=True, slots=True)
class Block:
    """A time in which a process could do nothing, since something held its interpreter.

    Attributes: ended_at: None while it lasts, or when the process died of it.  step_id: which held it; None when that
        could not be told.
    """

    began_at: datetime
    ended_at: datetime | None
    step_id: int | None

    def concerns(self, claimed_at: datetime, deadline_at: datetime) -> bool:
        """Return whether it may be why a step that was claimed then was not done by its deadline."""
        return self.began_at < deadline_at and (self.ended_at is None or self.ended_at > claimed_at)


_BLOCKS = """
SELECT id, blocked_at, blocked_until, blocked_by FROM orchestration_workerprocess
WHERE id = ANY(%(ids)s) AND coalesce(blocked_until, stopped_at, clock_timestamp()) - blocked_at
      > make_interval(secs => %(seconds)s)
"""


def find_blocks(process_ids: Collection[int], longer_than_seconds: float) -> dict[int, Block]:
    """Return the latest block of each of these processes, if it lasted, or lasts, longer than this."""
    if not process_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_BLOCKS, {"ids": list(process_ids), "seconds": longer_than_seconds})
        return {row[0]: Block(*row[1:]) for row in cursor.fetchall()}
