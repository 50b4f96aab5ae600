"""Error code to HTTP status: the one table for the API, the console and every other web interface.

The codes are those of the error classes in each app's `errors.py`, and the API's own. A new error needs a line
here; a test says so.
"""

from typing import Final

STATUS_OF: Final[dict[str, int]] = {
    # What was sent can't be read or does not fit.
    "bad_request": 400,
    "body_unreadable": 400,
    "json_unreadable": 400,
    "parameter_invalid": 400,
    "field_invalid": 400,
    "body_too_large": 400,
    "input_invalid": 400,
    "spec_invalid": 400,
    "resolution_invalid": 400,
    "calendar_invalid": 400,
    "clock_invalid": 400,
    "assignee_unfit": 400,
    "calendar_exhausted": 400,
    "resolution_refused": 400,
    "output_invalid": 400,
    "agent_input_refused": 400,
    "pool_refused": 400,
    # Who asks is not known, or may not.
    "not_authenticated": 401,
    "token_invalid": 401,
    "csrf_failed": 403,
    "not_a_member": 403,
    "right_missing": 403,
    "scope_missing": 403,
    "token_refused": 403,
    "own_request": 403,
    "tags_missing": 403,
    "reviewer_inactive": 403,
    # It is not there, or not for them.
    "not_found": 404,
    "project_not_found": 404,
    "workflow_not_found": 404,
    "run_not_found": 404,
    "step_not_found": 404,
    "ticket_not_found": 404,
    "queue_not_found": 404,
    "no_ticket_free": 404,
    "token_not_found": 404,
    "agent_unknown": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    # It stands otherwise than the caller thinks.
    "claim_lost": 409,
    "idempotency_conflict": 409,
    "run_final": 409,
    "run_not_failed": 409,
    "probe_refused": 400,
    "run_compensating": 409,
    "run_has_parent": 409,
    "fork_refused": 409,
    "step_not_held": 409,
    "ticket_taken": 409,
    "clock_refused": 409,
    "ticket_assigned": 409,
    "ticket_not_claimed": 409,
    "capacity_reached": 409,
    "ticket_resolved": 409,
    "ticket_withdrawn": 409,
    "resolution_stale": 409,
    "bulk_barred": 409,
    "not_alike": 409,
    "length_missing": 411,
    "media_type_unsupported": 415,
    "too_many_requests": 429,
    # Ours to mend. The engine's roots and what only happens inside a step never reach a caller.
    "internal_error": 500,
    "orchestration_error": 500,
    "escalation_error": 500,
    "agent_error": 500,
    "agent_transient": 500,
    "agent_permanent": 500,
    "agent_left_transaction_open": 500,
    "agent_loop_held": 500,
    "agent_refused": 500,
    "agent_duplicate": 500,
    "agent_output_unreadable": 500,
    "budget_exceeded": 500,
    "unavailable": 503,
    "audit_unavailable": 503,
    "wait_timed_out": 504,
}
"""Code -> status. 4xx are the caller's to mend, 5xx ours."""

INTERNAL: Final = "internal_error"
