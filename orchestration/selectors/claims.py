"""Questions about a claim or a step that the executor asks outside its writes."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from orchestration.domain.waits import WaitsFor


def is_claim_live(step_id: int, token: UUID) -> bool:
    """Return whether the step still runs under this token."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM orchestration_step WHERE id = %s AND token = %s AND status = 'running'",
            (step_id, token),
        )
        return cursor.fetchone() is not None


@dataclass(frozen=True, slots=True)
class Stale:
    """Why a message found nothing to claim. `waiting`: successors that nobody has claimed yet."""

    status: str
    agent: str
    unreleased: bool
    waits_for: str
    waiting: list[int]

    @property
    def waits_for_slots(self) -> bool:
        """Return whether its turn to take slots has not come yet."""
        return self.waits_for == WaitsFor.POOL


_STALE = """
SELECT s.status, s.agent, s.unreleased, s.waits_for, array(
    SELECT n.id FROM orchestration_edge e JOIN orchestration_step n ON n.id = e.successor_id
    WHERE e.predecessor_id = s.id AND n.status IN ('pending', 'available'))
FROM orchestration_step s WHERE s.id = %s
"""


def find_stale(step_id: int) -> Stale | None:
    """Return how a step stands for which a stale message came; None when there is no such step."""
    with connection.cursor() as cursor:
        cursor.execute(_STALE, (step_id,))
        row = cursor.fetchone()
    return None if row is None else Stale(*row)


def was_turned_away(step_id: int, process_id: int) -> bool:
    """Return whether a step is there to be claimed, but not by this process, whose row says that it has ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM orchestration_step s, orchestration_workerprocess w WHERE s.id = %s AND w.id = %s "
            "AND s.status = 'available' AND w.stopped_at IS NOT NULL",
            (step_id, process_id),
        )
        return cursor.fetchone() is not None
