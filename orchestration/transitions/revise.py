"""running -> available again, to be done better: what the verifiers of a step sent back."""

from orchestration.domain.work import AttemptEnd, Claim
from orchestration.history import EventKind
from orchestration.transitions.end import end_claim, ending_statement

FORGET_CHILDREN = """
    stage = '', proposed_json = NULL, chord_intact = false, predecessor_count = s.predecessor_count - (
        SELECT count(*) FROM orchestration_edge e WHERE e.successor_id = s.id AND e.is_child)
"""
# With all that hangs below them: whoever asks what is in the plan now looks for the edge to who grew it.
DETACH_CHILDREN = """
, below AS (
    SELECT e.predecessor_id, e.successor_id FROM orchestration_edge e JOIN done d ON d.id = e.successor_id
    WHERE e.is_child
    UNION SELECT e.predecessor_id, e.successor_id
    FROM below b JOIN orchestration_edge e ON e.successor_id = b.predecessor_id WHERE e.is_child
), detached AS (
    DELETE FROM orchestration_edge e USING below b
    WHERE e.predecessor_id = b.predecessor_id AND e.successor_id = b.successor_id
), recounted AS (
    UPDATE orchestration_step p SET predecessor_count = p.predecessor_count - c.number
    FROM (SELECT successor_id, count(*) AS number FROM below
          WHERE successor_id NOT IN (SELECT id FROM done) GROUP BY successor_id) c
    WHERE p.id = c.successor_id
)"""
_REVISE = ending_statement(
    EventKind.STEP_REVISED,
    "status = 'available', revision = s.revision + 1, verdict_revisions = s.verdict_revisions + 1, failures = 0, "
    "renewals = s.renewals + 1, "
    f"feedback = %(feedback)s, dispatches = s.dispatches + 1, dispatched_at = clock_timestamp(), {FORGET_CHILDREN}",
    more=DETACH_CHILDREN,
)


def revise_step(claim: Claim, end: AttemptEnd, feedback: str) -> None:
    """Move a running step whose verifiers failed its output to `available`, with their reasons as feedback.

    Its children stay as history; the next ones get keys of their own.

    Raises: ClaimLost: nothing was written.
    """
    end_claim(_REVISE, claim, end, feedback=feedback)
