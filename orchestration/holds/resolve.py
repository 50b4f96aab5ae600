"""What a person chose for a held step, carried out. Called by the ticket's own writer, in its transaction."""

from typing import Any

from django.db import transaction

from agents.domain.canonical import canonical_json
from agents.errors import UnreadableOutput
from agents.selectors import find_contract
from orchestration.conf import get_signer
from orchestration.dispatch import dispatch, dispatch_after_commit
from orchestration.domain.approvals import decide_calls
from orchestration.domain.hold_fields import AGENT, FEEDBACK, OUTPUT, Scope
from orchestration.domain.holds import WAY_OF, Way
from orchestration.domain.questions import read_answers
from orchestration.domain.receipts import ReceiptFacts, build_receipt, canonical, digest_text, stamp
from orchestration.domain.states import SKIPPED_BY_PERSON, Acceptance, ResolutionKind, ResultKind, StepStatus
from orchestration.domain.work import PERSON, Chosen, EarlyEnd, FinalOutput, HeldStep, NextAgent
from orchestration.errors import MemoryConflict, ResolutionRefused
from orchestration.handoff import count_tokens
from orchestration.holds.pending import write_pending
from orchestration.holds.specs import find_spec_of
from orchestration.holds.topping_up import check_budget_answer, raise_limit
from orchestration.journal.reading import find_questions, load_calls_made
from orchestration.journal.waiting import answer_wait
from orchestration.memory.writing import REMEMBERED, insist_on_keys, number_lines
from orchestration.models import Edge
from orchestration.planning import find_terms, foresee_end, plan_undo
from orchestration.selectors.pending import Pending, load_pending
from orchestration.selectors.proof import load_earlier_tries, load_handoff_lines
from orchestration.transitions.release import release_step, tell_parent
from orchestration.transitions.resolve import (
    abort_by_person,
    answer_held_step,
    close_by_person,
    hand_on_held_step,
    lock_held_step,
    lock_held_step_below_root,
    send_back_held_step,
    settle_held_step,
)
from orchestration.transitions.stop import finish_run


def lock_for_resolution(step_id: int, scope: Scope | None = None) -> HeldStep:
    """Lock a held step's run and the step, before its ticket is locked: the order everybody takes.

    Args: scope: how far the resolution reaches; for the whole tree its root is locked first.
    Returns: the step as it stands until the transaction ends; `resolve_held_step` writes by it.
    Raises: StepNotHeld.
    """
    return lock_held_step_below_root(step_id) if scope is Scope.TREE else lock_held_step(step_id)


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
        output: with `edit`, the output instead of the proposed one; with `answer`, the answer.
        feedback: with `send_back`, required.
    Raises: StepNotHeld. ResolutionRefused: nothing to approve, no feedback, an output that is not JSON.
    """
    way = WAY_OF[kind]
    output_json = _write_output(output) if way.field is OUTPUT else None
    resolve_held_step(
        lock_held_step(step_id), Chosen(way, f"{PERSON}{actor}", resolution_id, output_json, feedback, reason)
    )


def resolve_held_step(held: HeldStep, chosen: Chosen) -> None:
    """Carry out a resolution under the step's lock; what it releases is dispatched after the commit.

    Raises: StepNotHeld. ResolutionRefused: nothing to approve, no feedback, no output.
    """
    event = canonical({"resolution": chosen.way.kind, "by": chosen.name, "ticket": chosen.resolution_id})
    match chosen.way.to:
        case StepStatus.SUCCEEDED | StepStatus.SKIPPED:
            _settle(held, chosen, event)
        case StepStatus.AVAILABLE:
            dispatch_after_commit(_let_work(held, chosen, event))
        case StepStatus.FAILED:
            why = chosen.reason or f"aborted by {chosen.name}"
            dispatch_after_commit(abort_by_person(held, why, get_signer(), plan_undo, event_json=event))
        case StepStatus.CANCELLED:
            _close_run(held, chosen, event)
        case None:
            raise ResolutionRefused(
                f"resolution: {chosen.way.kind} is about work that was accepted; a held step waits"
            )
        case other:
            raise AssertionError(f"no resolution moves a step to {other}")


def check_answer(held: HeldStep, way: Way, output_json: str | None, feedback: str) -> None:
    """Refuse an answer that could not be carried out, before it is kept to take effect later.

    Raises: ResolutionRefused: names the field.
    """
    if way.of_budget:
        check_budget_answer(held, way, output_json, feedback)
    else:
        _read_answers(held, way, output_json, feedback)


def _let_work(held: HeldStep, chosen: Chosen, event: str) -> list[int]:
    """Let an agent work on a held step, with what it was given; return what is to be dispatched."""
    if chosen.way.answers:
        return _answer(held, chosen, event)
    if chosen.way.field is AGENT:
        return _hand_on(held, chosen)
    if not chosen.feedback.strip():
        raise ResolutionRefused(f"feedback: {FEEDBACK.missing}")
    return send_back_held_step(held, chosen.feedback, event_json=event)


def _write_output(output: Any) -> str:
    try:
        return canonical_json(output)
    except UnreadableOutput as error:
        raise ResolutionRefused(f"output{error.path}: {error.reason}") from error


def _settle(held: HeldStep, chosen: Chosen, event: str) -> None:
    spec = find_spec_of(held)
    final, released, look_behind = _write_settled(held, chosen, event)
    if final.status is StepStatus.SUCCEEDED and spec is not None and spec.ends_run:
        _end_run(held, final)
        return
    dispatch_after_commit(released)
    if look_behind:
        transaction.on_commit(lambda: _look_behind(held))


def _write_settled(held: HeldStep, chosen: Chosen, event: str) -> tuple[FinalOutput, list[int], bool]:
    """Write the output that was chosen and, if it is the proposal as it stands, what its agent does with it.

    Returns: the output, and as of `settle_held_step`.
    """
    proven = _prove(held, chosen)
    accepted_by = Acceptance.RULE if chosen.way.kind is ResolutionKind.DEFAULT else Acceptance.PERSON
    takes_proposal = chosen.way.takes_proposal and chosen.way.to is StepStatus.SUCCEEDED
    is_done = takes_proposal and held.has_pending
    pending = load_pending(held.step_id, held.revision, locked=True) if is_done else Pending()
    noted = pending.effects.get(REMEMBERED.name, ())

    def write() -> tuple[FinalOutput, list[int], bool]:
        lines = number_lines(noted) if noted else []
        final = proven.committing_to(lines) if lines else proven
        released, look_behind = settle_held_step(
            held, final, accepted_by=accepted_by, reason=chosen.reason, event_json=event
        )
        if pending.effects:
            write_pending(
                held, pending, {**pending.effects, REMEMBERED.name: lines} if lines else pending.effects
            )
        return final, released, look_behind

    if not noted:
        return write()
    try:
        return insist_on_keys(write, noted)
    except MemoryConflict as error:
        raise ResolutionRefused(
            f"resolution: what its agent wants to remember has changed meanwhile ({error}); send it back, and it looks "
            "again"
        ) from error


def _end_run(held: HeldStep, final: FinalOutput) -> None:
    early = foresee_end(held.key, final.output_json, held.workflow_id, held.spec_digest)
    event = canonical({"by": early.by, "reason": early.reason})
    if not finish_run(held.run_id, early, get_signer(), event_json=event):
        raise ResolutionRefused(f"run {held.run_id} undoes what it did; skip the step or abort instead")
    transaction.on_commit(lambda: dispatch([item.step_id for item in tell_parent(held.run_id)]))


def _answer(held: HeldStep, chosen: Chosen, event: str) -> list[int]:
    """Answer what the agent of a held step waits for; it goes on where it asked, under the same journal."""
    if chosen.way.of_budget:
        return _decide_budget(held, chosen, event)
    answers = _read_answers(held, chosen.way, chosen.output_json, chosen.feedback)
    for call_id, response_json in answers.items():
        answer_wait(call_id, response_json)
    return answer_held_step(held, event_json=event)


def _decide_budget(held: HeldStep, chosen: Chosen, event: str) -> list[int]:
    """Raise the limit that a held step asked about, or have its agent finish with what there is."""
    check_budget_answer(held, chosen.way, chosen.output_json, chosen.feedback)
    if chosen.way.field is FEEDBACK:
        return send_back_held_step(held, chosen.feedback, event_json=event, keeps_journal=True)
    raise_limit(held, chosen)
    return answer_held_step(held, event_json=event)


def _read_answers(held: HeldStep, way: Way, output_json: str | None, feedback: str) -> dict[int, str]:
    """Return what answers the open calls of a held step, by their ids: canonical JSON as the journal keeps it."""
    if way.kind is not ResolutionKind.ANSWER:
        if held.asked_call is None or held.asked_json is None:
            raise ResolutionRefused(
                "resolution: its agent wants to call nothing any more; skip it or abort instead"
            )
        return {held.asked_call: decide_calls(held.asked_json, way.kind, output_json, feedback)}
    if output_json is None:
        raise ResolutionRefused(f"output: {OUTPUT.missing}")
    questions = find_questions(held.step_id, held.renewals)
    if not questions:
        raise ResolutionRefused("resolution: the step asks nothing any more; skip it or abort instead")
    answers = read_answers(list(questions.values()), output_json)
    return {call_id: answers[question.path] for call_id, question in questions.items()}


def _hand_on(held: HeldStep, chosen: Chosen) -> list[int]:
    """Hand a step to another agent; whether that may be is for who asks, who knows what is listed."""
    spec = find_spec_of(held)
    if spec is None or find_contract(chosen.agent) is None:
        raise ResolutionRefused(
            f"agent: '{chosen.agent}' is not known here; `manage.py list_agents` shows who is"
        )
    event = canonical(
        {
            "resolution": chosen.way.kind,
            "by": chosen.name,
            "ticket": chosen.resolution_id,
            "from": held.agent,
            "to": chosen.agent,
        }
    )
    terms = find_terms(chosen.agent, spec.timeout_seconds)
    following = NextAgent(chosen.agent, terms.queue, terms.timeout_seconds, terms.pools)
    doers = (spec.agent, *spec.fallback)
    behind = doers.index(chosen.agent) if chosen.agent in doers else len(spec.fallback)
    return hand_on_held_step(held, following, fallbacks=behind, reason=chosen.reason, event_json=event)


def _choose_output(held: HeldStep, chosen: Chosen) -> str:
    if chosen.way.to is StepStatus.SKIPPED:
        return "null"
    if chosen.way.kind is ResolutionKind.DEFAULT:
        return write_default(held)
    if chosen.way.takes_proposal:
        if held.proposed_json is None:
            raise ResolutionRefused("resolution: nothing was proposed, so nothing can be approved")
        return held.proposed_json
    if chosen.output_json is None:
        raise ResolutionRefused(f"output: {OUTPUT.missing}")
    return chosen.output_json


def write_default(held: HeldStep) -> str:
    """Return the safe default of a held step as canonical JSON.

    Raises: ResolutionRefused: it names none.
    """
    spec = find_spec_of(held)
    # Of a list of items the default is that of one item: for the list as a whole there is none.
    if spec is None or spec.safe_default is None or spec.for_each is not None:
        raise ResolutionRefused(f"safe_default: the step '{held.key}' names none; it waits for a person")
    return _write_output(spec.safe_default)


def _look_behind(held: HeldStep) -> None:
    released = release_step(held.step_id, get_signer())
    dispatch([item.step_id for item in released if not item.rung])


def _prove(held: HeldStep, chosen: Chosen) -> FinalOutput:
    way, output_json = chosen.way, _choose_output(held, chosen)
    digest = digest_text(output_json)
    parents = Edge.objects.filter(successor_id=held.step_id).values_list(
        "predecessor__receipt_digest", flat=True
    )
    tries = load_earlier_tries(held.step_id, held.attempt + 1)
    receipt = build_receipt(
        ReceiptFacts(
            run_id=str(held.run_id),
            spec_digest=held.spec_digest,
            step=held.key,
            round=held.round,
            revision=held.revision,
            kind=way.receipt,
            attempt=held.attempt,
            actor=chosen.actor,
            decision=f"resolution:{chosen.resolution_id}",
            parents=tuple(str(parent) for parent in parents),
            received=load_handoff_lines(held.step_id, held.attempt),
            attempts=tries.lines,
            proposed_digest=digest_text(held.proposed_json) if held.proposed_json is not None else None,
            final_digest=digest,
            feedback_digest=digest_text(held.feedback) if held.feedback else None,
            finished_at=stamp(held.now),
            calls=load_calls_made(held.step_id, held.renewals) if tries.has_calls else None,
        )
    )
    return FinalOutput(
        status=StepStatus.SKIPPED if way.to is StepStatus.SKIPPED else StepStatus.SUCCEEDED,
        output_json=output_json,
        digest=digest,
        tokens=count_tokens(output_json),
        receipt_kind=way.receipt,
        receipt_json=receipt,
        receipt_digest=digest_text(receipt),
        finished_at=held.now,
        skip_reason=SKIPPED_BY_PERSON if way.to is StepStatus.SKIPPED else "",
    )


def _close_run(held: HeldStep, chosen: Chosen, event_json: str) -> None:
    """End the run of a held step, or the one at the top of its tree, without an answer.

    A child run that is closed alone lets the step that waits for it be skipped, once that collects.

    Raises: StepNotHeld. ResolutionRefused: the run undoes what it did.
    """
    run_id = held.root_id if chosen.scope is Scope.TREE else held.run_id
    result = canonical({"closed": chosen.code or None, "by": chosen.name})
    said = f" ({chosen.code})" if chosen.code else ""
    reason = f"closed without an answer{said} by {chosen.name}"
    early = EarlyEnd(ResultKind.CLOSED, result, chosen.actor, reason)
    close_by_person(held, early, run_id, get_signer(), event_json=event_json)
    transaction.on_commit(lambda: dispatch([item.step_id for item in tell_parent(run_id)]))
