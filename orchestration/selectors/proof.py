"""The rows a receipt commits to, in the form `domain/receipts.py` digests them."""

from orchestration.domain.receipts import AttemptLine, HandoffLine, stamp
from orchestration.models import Attempt, Handoff


def load_attempt_lines(step_id: int, *, before: int | None = None) -> tuple[AttemptLine, ...]:
    """Return a step's ended attempts with their decisions, in order; those before a number, if given."""
    attempts = Attempt.objects.filter(step_id=step_id, outcome__isnull=False).select_related("decision")
    if before is not None:
        attempts = attempts.filter(number__lt=before)
    return tuple(_line(attempt) for attempt in attempts.order_by("number"))


def load_handoff_lines(step_id: int, attempt: int) -> tuple[HandoffLine, ...]:
    """Return what one attempt of a step received."""
    rows = Handoff.objects.filter(attempt__step_id=step_id, attempt__number=attempt).select_related(
        "from_step"
    )
    return tuple(
        HandoffLine(
            from_step=row.from_step.key,
            digest=row.digest,
            original_digest=row.original_digest,
            tokens_before=row.tokens_before,
            tokens_after=row.tokens_after,
            summarised_by=row.summarised_by,
        )
        for row in rows
    )


def _line(attempt: Attempt) -> AttemptLine:
    decision = getattr(attempt, "decision", None)
    return AttemptLine(
        number=attempt.number,
        token=str(attempt.token),
        task_id=attempt.task_id,
        started_at=stamp(attempt.started_at),
        finished_at=stamp(attempt.finished_at) if attempt.finished_at else "",
        outcome=attempt.outcome or "",
        agent=attempt.agent,
        agent_version=attempt.agent_version,
        confidence=attempt.confidence,
        usage_json=attempt.usage_json,
        failure_kind=attempt.failure_kind,
        error_class=attempt.error_class,
        error_message=attempt.error_message,
        traceback_tail=attempt.traceback_tail,
        rule=decision.rule if decision else "",
        decision=decision.kind if decision else "",
        reason=decision.reason if decision else "",
        inputs_json=decision.inputs_json if decision else "",
        due_at=stamp(decision.due_at) if decision and decision.due_at else None,
    )
