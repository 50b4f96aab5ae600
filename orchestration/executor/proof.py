"""The receipt of a step's final output, from what its attempt received, tried and decided."""

from agents.domain.invocation import Answered, Outcome
from orchestration.domain.policy import PassedOver
from orchestration.domain.receipts import (
    AttemptLine,
    HandoffLine,
    ReceiptFacts,
    build_receipt,
    digest_text,
    stamp,
)
from orchestration.domain.states import DecisionKind, ReceiptKind, StepStatus
from orchestration.domain.work import Claim
from orchestration.handoff import count_tokens
from orchestration.selectors.proof import load_attempt_lines
from orchestration.transitions.finish import AttemptEnd, FinalOutput


def prove(
    claim: Claim, outcome: Outcome | PassedOver, end: AttemptEnd, received: tuple[HandoffLine, ...]
) -> FinalOutput:
    """Return a step's final output with its receipt: the accepted answer, or null for a skip."""
    accepted = outcome if isinstance(outcome, Answered) and end.kind is DecisionKind.ACCEPT else None
    output_json = accepted.output_json if accepted else "null"
    digest = digest_text(output_json)
    kind = ReceiptKind.OUTPUT if accepted else ReceiptKind.SKIP
    actor = f"agent:{accepted.agent}@{accepted.agent_version}" if accepted else "policy"
    receipt = _build(claim, end, received, kind, actor, digest)
    return FinalOutput(
        status=StepStatus.SUCCEEDED if accepted else StepStatus.SKIPPED,
        output_json=output_json,
        digest=digest,
        tokens=count_tokens(output_json),
        receipt_kind=kind,
        receipt_json=receipt,
        receipt_digest=digest_text(receipt),
        finished_at=end.finished_at,
        skip_reason="" if accepted else end.rule,
    )


def _build(
    claim: Claim,
    end: AttemptEnd,
    received: tuple[HandoffLine, ...],
    kind: ReceiptKind,
    actor: str,
    digest: str,
) -> str:
    earlier = load_attempt_lines(claim.step_id, before=claim.attempt) if claim.attempt > 1 else ()
    return build_receipt(
        ReceiptFacts(
            run_id=str(claim.run.run_id),
            spec_digest=claim.run.workflow_digest,
            step=claim.key,
            round=claim.run.round,
            revision=claim.revision,
            kind=kind,
            attempt=claim.attempt,
            actor=actor,
            decision=f"attempt:{claim.attempt}",
            parents=tuple(before.receipt_digest for before in claim.predecessors),
            received=received,
            attempts=(*earlier, _this_attempt(claim, end)),
            proposed_digest=digest,
            final_digest=digest,
            feedback_digest=digest_text(claim.feedback) if claim.feedback else None,
            finished_at=stamp(end.finished_at),
        )
    )


def _this_attempt(claim: Claim, end: AttemptEnd) -> AttemptLine:
    return AttemptLine(
        number=claim.attempt,
        token=str(claim.token),
        task_id=claim.task_id,
        started_at=stamp(claim.claimed_at),
        finished_at=stamp(end.finished_at),
        outcome=end.outcome,
        agent=claim.agent,
        agent_version=end.agent_version,
        confidence=end.confidence,
        usage_json=end.usage_json,
        failure_kind=end.failure_kind,
        error_class=end.error_class,
        error_message=end.error_message,
        traceback_tail=end.traceback_tail,
        rule=end.rule,
        decision=end.kind,
        reason=end.reason,
        inputs_json=end.inputs_json,
        due_at=None,
    )
