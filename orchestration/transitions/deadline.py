"""running -> available, put aside: the run is past its deadline, and a person is asked if it goes on.

The step is not rung for until then: `waits_for` is `deadline`.
"""

from orchestration.database.statements import fetch_all
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.history import EventKind
from orchestration.transitions.end import end_claim, ending_statement

_PUT_ASIDE = ending_statement(EventKind.STEP_WAITS, "status = 'available', waits_for = 'deadline'")
_WAKE_ANSWERED = """
UPDATE orchestration_step s
SET waits_for = '', dispatches = s.dispatches + 1, dispatched_at = clock_timestamp()
FROM orchestration_run r
WHERE s.waits_for = 'deadline' AND s.status = 'available' AND r.id = s.run_id AND r.status = 'running'
  AND NOT EXISTS (SELECT 1 FROM orchestration_decision d JOIN orchestration_step h ON h.id = d.step_id
                  WHERE d.run_id = s.run_id AND d.rule = 'run_deadline' AND h.status = 'held')
RETURNING s.id
"""


def put_aside(claim: Claim, end: AttemptEnd) -> None:
    """Move a running step whose agent was not called to `available`, not to be rung for.

    Raises: ClaimLost: nothing was written.
    """
    end_claim(_PUT_ASIDE, claim, end)


def wake_answered_deadlines() -> list[int]:
    """Return steps that waited for a person to say if their run goes on past its deadline; they must be sent."""
    return [row.id for row in fetch_all(_WAKE_ANSWERED, {})]
