"""running -> available again, to be done better: what the verifiers of a step sent back."""

from orchestration.domain.work import Claim
from orchestration.history import EventKind
from orchestration.transitions.end import end_claim, ending_statement
from orchestration.transitions.finish import AttemptEnd

FORGET_CHILDREN = """
    stage = '', proposed_json = NULL, chord_intact = false, predecessor_count = s.predecessor_count - (
        SELECT count(*) FROM orchestration_edge e WHERE e.successor_id = s.id AND e.is_child)
"""
DETACH_CHILDREN = (
    ", detached AS (DELETE FROM orchestration_edge e USING done d WHERE e.successor_id = d.id AND e.is_child)"
)
_REVISE = ending_statement(
    EventKind.STEP_REVISED,
    "status = 'available', revision = s.revision + 1, verdict_revisions = s.verdict_revisions + 1, failures = 0, "
    f"feedback = %(feedback)s, dispatches = s.dispatches + 1, dispatched_at = clock_timestamp(), {FORGET_CHILDREN}",
    more=DETACH_CHILDREN,
)


def revise_step(claim: Claim, end: AttemptEnd, feedback: str) -> None:
    """Move a running step whose verifiers failed its output to `available`, with their reasons as feedback.

    Its children stay as history; the next ones get keys of their own.

    Raises: ClaimLost: nothing was written.
    """
    end_claim(_REVISE, claim, end, feedback=feedback)
