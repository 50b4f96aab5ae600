"""A new run of the same version that takes over what another has finished, and does the rest anew."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery

from orchestration.budgets import load_path
from orchestration.dispatch import dispatch_after_commit
from orchestration.domain.plan import planned_name
from orchestration.domain.receipts import ReceiptFacts, build_receipt, canonical, digest_text, stamp
from orchestration.domain.rows import Origin, ReusedStep
from orchestration.domain.spec import WorkflowSpec
from orchestration.domain.states import DONE, ReceiptKind, StepKind, StepStatus
from orchestration.errors import ForkRefused, StepNotFound
from orchestration.models import Receipt, Run, Step
from orchestration.planning import describe_new_run, load_plan, write_input
from orchestration.runs.starting import check_key, get_run
from orchestration.selectors.progress import read_clock
from orchestration.selectors.trees import find_by_key
from orchestration.transitions.reuse import reuse_steps, tell_forked
from orchestration.transitions.start import insert_run


def fork(
    run_id: UUID | str,
    from_step: str,
    input: Any = None,  # noqa: A002 - as `start` names it
    idempotency_key: str | None = None,
    by: AbstractBaseUser | None = None,
) -> Run:
    """Start a run of the same workflow version that does a step, and all that stands behind it, anew.

    Other finished steps are taken over as they are, also with a new input: their receipts name the run and the
    receipt they come from. Steps that were not done are done, and those that were undone are done again.

    What limited the other run limits the new one, from nothing spent; the fork of a child run may use what the budgets
    above that one leave.

    Args: from_step: key of a step of the workflow.  input: of the new run; None: that of the other.
        idempotency_key: the same key, source, step and input return the same run.
        by: who asks for the new run; None: who asked for the other.
    Raises: RunNotFound. StepNotFound. InputInvalid. ForkRefused: the key is another run's.
    """
    source = get_run(run_id)
    spec, _ = load_plan(source.workflow_id, source.workflow.digest)
    if from_step not in spec.step_map:
        known = ", ".join(sorted(spec.step_map)[:20])
        raise StepNotFound(f"from_step: workflow '{spec.name}' has no step '{from_step}'; it has {known}")
    check_key(idempotency_key)
    value = source.input if input is None else input
    if find_by_key(source.project_id, source.workflow_name, idempotency_key) is not None:
        # Before the input is judged: what was accepted once is not refused by a limit that was lowered since.
        return _find_same(source, from_step, digest_text(write_input(value)), idempotency_key)
    new = describe_new_run(
        source.workflow,
        value,
        idempotency_key=idempotency_key,
        # Who asked for the first run must not approve in the second because nobody was named.
        requested_by_id=by.pk if by else source.requested_by_id,
        priority=source.priority,
        origin=Origin(source.pk, from_step),
        budget=_find_limits(source),
    )
    with transaction.atomic():
        inserted = insert_run(new)
        if inserted is None:
            return _find_same(source, from_step, new.input_digest, idempotency_key)
        fork_id = inserted[0]
        now, is_input_new = read_clock(), new.input_digest != source.input_digest
        reused = _take_over(source, from_step, fork_id, now, is_input_new=is_input_new)
        tell_forked(fork_id, _describe_fork(source, from_step, by, len(reused)))
        dispatch_after_commit(reuse_steps(fork_id, reused, now))
    return get_run(fork_id)


def _find_limits(source: Run) -> dict[str, int]:
    """Return what limits the new run, from nothing spent: what limited the other one.

    A child run has no budget of its own, and its fork stands under none of those above it: it gets what they leave.
    """
    if source.parent_step_id is None:
        return dict(source.pots.filter(step=None).values_list("unit", "limit"))
    limits: dict[str, int] = {}
    for pot in load_path(source.parent_step_id):
        limits[pot.unit] = min(pot.left, limits.get(pot.unit, pot.left))
    return limits


def _describe_fork(source: Run, from_step: str, by: AbstractBaseUser | None, reused: int) -> str:
    who = None if by is None else by.get_username()
    return canonical({"from_run": str(source.pk), "from_step": from_step, "reused": reused, "by": who})


def _find_same(source: Run, from_step: str, digest: str, key: str | None) -> Run:
    run = Run.objects.get(
        project_id=source.project_id, workflow_name=source.workflow_name, idempotency_key=key
    )
    if (run.forked_from_id, run.forked_from_step, run.input_digest) != (source.pk, from_step, digest):
        raise ForkRefused(
            f"idempotency_key '{key}' was used for run {run.pk}, which is another; choose a new key"
        )
    return run


def _take_over(
    source: Run, from_step: str, fork_id: UUID, now: datetime, *, is_input_new: bool
) -> list[ReusedStep]:
    """Return what the other run has finished and this one needs not do, in plan order."""
    spec, _ = load_plan(source.workflow_id, source.workflow.digest)
    again = {from_step, *_find_undone(source)}
    anew = {key for first in again for key in find_behind(spec, first)}
    done = Step.objects.filter(run=source, kind=StepKind.PLANNED, status__in=DONE).order_by("position")
    receipts: dict[str, str] = {}
    reused: list[ReusedStep] = []
    for step in done:
        if step.key in anew:
            continue
        before = tuple(receipts[key] for key in spec.step_map[step.key].predecessors)
        reused.append(_reuse(step, source, fork_id, before, stamp(now), is_input_new=is_input_new))
        receipts[step.key] = reused[-1].receipt_digest
    return reused


def _find_undone(source: Run) -> set[str]:
    """Return the steps of the workflow of which something was undone, or is going to be, since they were done."""
    undoing = Step.objects.filter(run=source, kind=StepKind.COMPENSATION).exclude(
        status__in=(StepStatus.SKIPPED, StepStatus.FAILED, StepStatus.CANCELLED)
    )
    # Receipts are numbered as they are written; the clock may step back.
    proofs = Receipt.objects.filter(step=OuterRef("parent"), digest=OuterRef("parent__receipt_digest"))
    own = Receipt.objects.filter(step=OuterRef("pk"), digest=OuterRef("receipt_digest"))
    since = undoing.annotate(done=Subquery(proofs.values("id")), undone=Subquery(own.values("id"))).filter(
        Q(undone__isnull=True) | Q(undone__gt=F("done"))
    )
    return {planned_name(key) for key in since.values_list("parent__key", flat=True)}


def find_behind(spec: WorkflowSpec, key: str) -> set[str]:
    """Return a step of a workflow with all that depend on it."""
    behind = {key}
    grown = True
    while grown:
        more = {step.key for step in spec.steps if behind & set(step.predecessors)} - behind
        behind |= more
        grown = bool(more)
    return behind


def _reuse(
    step: Step, source: Run, fork_id: UUID, parents: tuple[str, ...], now: str, *, is_input_new: bool
) -> ReusedStep:
    output, digest = step.output_json or "null", step.output_digest or ""
    receipt = build_receipt(
        ReceiptFacts(
            run_id=str(fork_id),
            spec_digest=source.workflow.digest,
            step=step.key,
            round=1,
            revision=0,
            kind=ReceiptKind.REUSE,
            attempt=0,
            actor=f"run:{source.pk}",
            decision=name_reused(source.pk, step.receipt_digest or ""),
            parents=parents,
            received=(),
            attempts=(),
            proposed_digest=digest,
            final_digest=digest,
            feedback_digest=None,
            finished_at=now,
        )
    )
    return ReusedStep(
        key=step.key,
        status=step.status,
        output_json=output,
        output_digest=digest,
        output_tokens=step.output_tokens or 0,
        skip_reason=step.skip_reason,
        accepted_by=step.accepted_by,
        receipt_json=receipt,
        receipt_digest=digest_text(receipt),
        event_json=canonical(
            {"run": str(source.pk), "receipt": step.receipt_digest, "input_changed": is_input_new}
        ),
    )


def name_reused(run_id: UUID, receipt_digest: str) -> str:
    """Return how a receipt names the one whose output it takes over."""
    return f"reuse:{run_id}:{receipt_digest}"
