"""What a person chose for a held step, carried out. Called by the ticket's own writer, in its transaction."""

from typing import Any

from django.db import transaction

from agents.domain.canonical import canonical_json
from agents.errors import UnreadableOutput
from orchestration.conf import get_signer
from orchestration.dispatch import dispatch, dispatch_after_commit
from orchestration.domain.holds import FEEDBACK, OUTPUT, WAY_OF
from orchestration.domain.receipts import ReceiptFacts, build_receipt, canonical, digest_text, stamp
from orchestration.domain.states import SKIPPED_BY_PERSON, ResolutionKind, StepStatus
from orchestration.domain.work import Chosen, FinalOutput, HeldStep
from orchestration.errors import ResolutionRefused
from orchestration.handoff import count_tokens
from orchestration.models import Edge
from orchestration.planning import plan_undo
from orchestration.selectors.proof import load_attempt_lines, load_handoff_lines
from orchestration.transitions.release import release_step
from orchestration.transitions.resolve import (
    abort_by_person,
    lock_held_step,
    send_back_held_step,
    settle_held_step,
)


def lock_for_resolution(step_id: int) -> HeldStep:
    """Lock a held step's run and the step, before its ticket is locked: the order everybody takes.

    Returns: the step as it stands until the transaction ends; `resolve_held_step` writes by it.
    Raises: StepNotHeld.
    """
    return lock_held_step(step_id)


def resolve_step(
    step_id: int,
    *,
    kind: ResolutionKind,
    actor: str,
    resolution_id: str,
    output: Any = None,
    feedback: str = "",
    reason: str = "",
) -> None:
    """Lock a held step and carry out a resolution, in the caller's transaction.

    Args:
        actor: the person, e.g. a username.  resolution_id: names the resolution in the receipt.
        output: with `edit`, the output instead of the proposed one.  feedback: with `send_back`, required.
    Raises: StepNotHeld. ResolutionRefused: nothing to approve, no feedback, an output that is not JSON.
    """
    way = WAY_OF[kind]
    output_json = _write_output(output) if way.field is OUTPUT else None
    resolve_held_step(
        lock_held_step(step_id), Chosen(way, actor, resolution_id, output_json, feedback, reason)
    )


def resolve_held_step(held: HeldStep, chosen: Chosen) -> None:
    """Carry out a resolution under the step's lock; what it releases is dispatched after the commit.

    Raises: StepNotHeld. ResolutionRefused: nothing to approve, no feedback, no output.
    """
    event = canonical({"resolution": chosen.way.kind, "by": chosen.actor, "ticket": chosen.resolution_id})
    match chosen.way.to:
        case StepStatus.SUCCEEDED | StepStatus.SKIPPED:
            _settle(held, chosen, event)
        case StepStatus.AVAILABLE:
            if not chosen.feedback.strip():
                raise ResolutionRefused(f"feedback: {FEEDBACK.missing}")
            dispatch_after_commit(send_back_held_step(held, chosen.feedback, event_json=event))
        case StepStatus.FAILED:
            why = chosen.reason or f"aborted by {chosen.actor}"
            dispatch_after_commit(abort_by_person(held, why, get_signer(), plan_undo, event_json=event))
        case other:
            raise AssertionError(f"no resolution moves a step to {other}")


def _write_output(output: Any) -> str:
    try:
        return canonical_json(output)
    except UnreadableOutput as error:
        raise ResolutionRefused(f"output{error.path}: {error.reason}") from error


def _settle(held: HeldStep, chosen: Chosen, event: str) -> None:
    final = _prove(held, chosen)
    released, look_behind = settle_held_step(held, final, reason=chosen.reason, event_json=event)
    dispatch_after_commit(released)
    if look_behind:
        transaction.on_commit(lambda: _look_behind(held))


def _choose_output(held: HeldStep, chosen: Chosen) -> str:
    if chosen.way.to is StepStatus.SKIPPED:
        return "null"
    if chosen.way.takes_proposal:
        if held.proposed_json is None:
            raise ResolutionRefused("resolution: nothing was proposed, so nothing can be approved")
        return held.proposed_json
    if chosen.output_json is None:
        raise ResolutionRefused(f"output: {OUTPUT.missing}")
    return chosen.output_json


def _look_behind(held: HeldStep) -> None:
    released = release_step(held.step_id, get_signer())
    dispatch([item.step_id for item in released if not item.rung])


def _prove(held: HeldStep, chosen: Chosen) -> FinalOutput:
    way, output_json = chosen.way, _choose_output(held, chosen)
    digest = digest_text(output_json)
    parents = Edge.objects.filter(successor_id=held.step_id).values_list(
        "predecessor__receipt_digest", flat=True
    )
    receipt = build_receipt(
        ReceiptFacts(
            run_id=str(held.run_id),
            spec_digest=held.spec_digest,
            step=held.key,
            round=held.round,
            revision=held.revision,
            kind=way.receipt,
            attempt=held.attempt,
            actor=f"person:{chosen.actor}",
            decision=f"resolution:{chosen.resolution_id}",
            parents=tuple(str(parent) for parent in parents),
            received=load_handoff_lines(held.step_id, held.attempt),
            attempts=load_attempt_lines(held.step_id),
            proposed_digest=digest_text(held.proposed_json) if held.proposed_json is not None else None,
            final_digest=digest,
            feedback_digest=digest_text(held.feedback) if held.feedback else None,
            finished_at=stamp(held.now),
        )
    )
    return FinalOutput(
        status=way.to,
        output_json=output_json,
        digest=digest,
        tokens=count_tokens(output_json),
        receipt_kind=way.receipt,
        receipt_json=receipt,
        receipt_digest=digest_text(receipt),
        finished_at=held.now,
        skip_reason=SKIPPED_BY_PERSON if way.to is StepStatus.SKIPPED else "",
    )
