"""What lines of the history can say. Pure. Who writes them: `orchestration/history.py`."""

from enum import StrEnum


class EventKind(StrEnum):
    """What a line of the history can say."""

    RUN_STARTED = "run_started"
    RUN_CLOSED = "run_closed"
    RUN_COMPENSATING = "run_compensating"
    RUN_CANCELLED = "run_cancelled"
    RUN_ENDED_EARLY = "run_ended_early"
    RUN_PAUSED = "run_paused"
    RUN_RESUMED = "run_resumed"
    RUN_RETRIED = "run_retried"
    RUN_FORKED = "run_forked"
    SIGNAL_RECEIVED = "signal_received"
    STEP_CLAIMED = "step_claimed"
    STEP_SUCCEEDED = "step_succeeded"
    STEP_SKIPPED = "step_skipped"
    STEP_FAILED = "step_failed"
    STEP_CANCELLED = "step_cancelled"
    STEP_RETRYABLE = "step_retryable"
    STEP_WOKEN = "step_woken"
    STEP_SUSPENDED = "step_suspended"
    STEP_EXPANDED = "step_expanded"
    STEP_REVISED = "step_revised"
    STEP_FELL_BACK = "step_fell_back"
    STEP_HELD = "step_held"
    STEP_RESOLVED = "step_resolved"
    STEP_FREED = "step_freed"
    STEP_RUNG_AGAIN = "step_rung_again"
    STEP_WAITS = "step_waits"
    STEP_SENT_BACK = "step_sent_back"
    STEP_REWORKED = "step_reworked"
    STEP_RESET = "step_reset"
    STEP_REUSED = "step_reused"
    SUMMARY_FELL_BACK = "summary_fell_back"
    BUDGET_TIGHT = "budget_tight"
    BUDGET_TOPPED_UP = "budget_topped_up"
    BUDGET_USED_UP = "budget_used_up"
    LATE_WRITE_REFUSED = "late_write_refused"


AFTER_THE_FACT = (EventKind.LATE_WRITE_REFUSED, EventKind.BUDGET_USED_UP)
"""Kinds that may be written after a run closed; a seal does not cover them."""
