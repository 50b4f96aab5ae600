"""The receipt of a step's final output, from what its attempt received, tried and decided. Nothing is read here."""

from typing import cast

from agents.domain.invocation import Answered
from orchestration.domain.plan import Collected, Verdicts
from orchestration.domain.policy import Ending
from orchestration.domain.receipts import (
    AttemptLine,
    ReceiptFacts,
    build_receipt,
    digest_text,
    stamp,
)
from orchestration.domain.states import Acceptance, DecisionKind, ReceiptKind, StepKind, StepStatus
from orchestration.domain.work import AttemptEnd, Claim, Facts, FinalOutput
from orchestration.handoff import count_tokens


def prove(claim: Claim, facts: Facts, outcome: Ending, end: AttemptEnd) -> FinalOutput:
    """Return a step's final output with its receipt: what was accepted, or null for a skip."""
    is_output = isinstance(outcome, Answered | Collected | Verdicts) and end.kind is DecisionKind.ACCEPT
    accepted = cast("Answered | Collected | Verdicts", outcome) if is_output else None
    output_json = accepted.output_json if accepted else "null"
    digest = digest_text(output_json)
    kind = _choose_kind(claim) if accepted else ReceiptKind.SKIP
    actor = _name_actor(claim, accepted) if accepted else "policy"
    receipt = _build(claim, facts, end, kind, actor, digest)
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
        accepted_by=Acceptance.VERDICT if isinstance(accepted, Verdicts) else Acceptance.NOBODY,
    )


def _choose_kind(claim: Claim) -> ReceiptKind:
    return ReceiptKind.COMPENSATION if claim.kind is StepKind.COMPENSATION else ReceiptKind.OUTPUT


def _name_actor(claim: Claim, accepted: Answered | Collected | Verdicts) -> str:
    """Return who stands behind an output: an agent, or the engine that put its children's together."""
    if isinstance(accepted, Answered):
        return f"agent:{accepted.agent}@{accepted.agent_version}"
    return f"engine:{claim.stage or (claim.kind if claim.kind is StepKind.SUMMARY else 'items')}"


def _build(claim: Claim, facts: Facts, end: AttemptEnd, kind: ReceiptKind, actor: str, digest: str) -> str:
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
            decision=f"attempt:{claim.attempt}{facts.handed and f', {facts.handed}'}",
            parents=tuple(before.receipt_digest for before in claim.predecessors),
            received=facts.received,
            attempts=(*facts.earlier, _this_attempt(claim, end)),
            proposed_digest=digest,
            final_digest=digest,
            feedback_digest=digest_text(claim.feedback) if claim.feedback else None,
            finished_at=stamp(end.finished_at),
            calls=facts.calls,
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
