"""Which open calls a step waits for: conditions and parts of the statements in which others suspend and wake steps.

Only what the step's last attempt was suspended with is waited for. A branch that the code does not reach any more, or
an agent that failed, waits for nothing; an attempt under way looks for itself where it comes to a wait.
docs/adr/0040-waits.md
"""

from typing import Final

from orchestration.domain.words import SUSPENDED


def is_awaited(call: str, step: str) -> str:
    """Return the condition that a step waits for a call; `call` and `step` are the aliases of their rows."""
    return (
        f"{call}.state = 'open' AND {call}.journal = {step}.renewals AND {call}.awaited_in = {step}.attempt "
        f"AND {step}.status IN {SUSPENDED}"
    )


def can_use(call: str, step: str) -> str:
    """Return the condition that the signal `g` may answer a wait that ends: nobody took it, and it came in time."""
    return (
        f"g.run_id = {call}.run_id AND g.name = {call}.name AND g.taken_at IS NULL AND g.step_key IN ('', {step}.key) "
        f"AND g.sent_at <= {call}.due_at"
    )


AWAIT: Final = """
    UPDATE orchestration_call c
    SET awaited_in = CASE WHEN c.journal = d.renewals AND c.path = ANY(d.waits) THEN d.attempt END
    FROM done d WHERE c.step_id = d.id AND c.state = 'open'"""
"""What a suspended step waits for from now on, and nothing else."""
READ: Final = """
    UPDATE orchestration_call c SET unread = false FROM done d
    WHERE c.step_id = d.id AND c.unread AND (c.journal <> d.renewals OR c.path = ANY(d.known))"""
"""What was answered by its calls' last reading is read; what came later wakes the step at once."""


def wait_anew(source: str) -> str:
    """Return the UPDATE of the waits that steps which go on by a person's word wait for anew.

    Waits for signals that name a time, and are open; or that were over without a signal, and nothing was called after
    them: the agent has done nothing yet because nobody came.

    Args: source: a CTE of the steps, with the `journal` that each goes on with.
    """
    return f"""
    UPDATE orchestration_call c SET is_past = true FROM {source} d
    WHERE c.step_id = d.id AND c.journal = d.journal AND c.kind = 'signal' AND c.due_at IS NOT NULL AND NOT c.is_past
      AND (c.state = 'open' OR c.signal_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM orchestration_call o
            WHERE o.step_id = c.step_id AND o.journal = c.journal AND o.begun_at > c.ended_at))"""
