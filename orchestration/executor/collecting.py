"""What a step makes of its children when they are done, and how much they may put out together."""

import json
from collections.abc import Sequence
from typing import Any, Final

import structlog

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Failed, FailureKind, canonical_json
from agents.errors import UnreadableOutput
from orchestration.conf import get_conf
from orchestration.domain.plan import (
    Collected,
    Verdicts,
    is_summary,
    is_verifier,
    local_name,
    name_generation,
)
from orchestration.domain.policy import PassedOver
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import CLOSED_BY_PERSON, ResultKind, RunStatus, Stage, StepKind
from orchestration.domain.verdicts import read_verdict, tally
from orchestration.domain.work import Claim, Predecessor
from orchestration.models import Run
from orchestration.selectors.trees import (
    count_stopped,
    find_child_run,
    find_result,
    read_last_outputs,
    sum_outputs,
)
from orchestration.transitions.stopping import stop_siblings

log = structlog.get_logger(__name__)
# Who puts out a sixteenth of the limit looks how much it is by now; of those with less, so many that the looks are as
# often. What puts out little never pays for it.
_LOOKS: Final = 16
GROWN: Final = frozenset({StepKind.ITEM, StepKind.SPAWNED})
"""Children whose outputs are put together."""


def collect(claim: Claim, spec: StepSpec) -> Collected | Verdicts | PassedOver | Failed:
    """Return what the children of a step gave, now that all of them are done."""
    grown = (p for p in claim.predecessors if p.is_child and not is_summary(p.key))
    children = sorted(grown, key=lambda p: p.index)
    try:
        if claim.stage in (Stage.ITEMS, Stage.SPAWNED):
            excess = _describe_excess(claim, children)
            if excess is not None:
                return describe_refusal(FailureKind.LIMIT, excess, claim.agent)
        match claim.stage:
            case Stage.ITEMS:
                return Collected(_put_together([json.loads(c.output_json) for c in children]), "items_done")
            case Stage.SPAWNED:
                return Collected(_gather_spawned(claim, children), "spawned_done")
            case Stage.CHILD_RUN:
                return _collect_run(claim)
            case _:
                return _collect_verdicts(claim, spec, children)
    except UnreadableOutput as error:
        limit = get_conf().MAX_COLLECTED_BYTES
        words = f"what is done can't be put together (MAX_COLLECTED_BYTES is {limit:,}): {error}"
        return describe_refusal(FailureKind.UNREADABLE, words, claim.agent)


def _gather_spawned(claim: Claim, children: list[Predecessor]) -> str:
    said = json.loads(claim.proposed_json or "null")
    return _put_together(
        {"output": said, "spawned": {local_name(c.key): json.loads(c.output_json) for c in children}}
    )


def _put_together(value: Any) -> str:
    """Return what several put out as one output: that may be larger than what one agent may say.

    Raises: UnreadableOutput: it is too large all the same, as commas and keys count too, or nested too deeply.
    """
    return canonical_json(value, max_bytes=get_conf().MAX_COLLECTED_BYTES)


def _collect_run(claim: Claim) -> Collected | PassedOver | Failed:
    child = find_child_run(claim.step_id)
    if child is None:
        return describe_refusal(FailureKind.UNKNOWN, "its child run is not there any more", claim.agent)
    if child.status == RunStatus.SUCCEEDED:
        return _take_result(claim, child)
    message = f"its child run {child.pk} is {child.status}: {child.reason}"
    return describe_refusal(FailureKind.CHILD_FAILED, message, claim.agent)


def _take_result(claim: Claim, child: Run) -> Collected | PassedOver | Failed:
    """Return what a child run that succeeded gives back."""
    result = find_result(child.pk)
    if result is None:
        return Collected(_put_together(read_last_outputs(child.pk)), "child_run_done")
    if result.kind == ResultKind.CLOSED:
        return PassedOver(CLOSED_BY_PERSON, child.reason)
    if result.output_json is None:
        message = f"the result of its child run {child.pk} could not be made: {result.error}"
        return describe_refusal(FailureKind.CHILD_FAILED, message, claim.agent)
    return Collected(result.output_json, "child_run_done")


def _collect_verdicts(claim: Claim, spec: StepSpec, children: list[Predecessor]) -> Verdicts:
    # A step that spawned before it was verified has those children too.
    verifiers = [child for child in children if is_verifier(child.key)]
    verdicts = [read_verdict(json.loads(verifier.output_json)) for verifier in verifiers]
    return Verdicts(
        output_json=claim.proposed_json or "null",
        passed=tally([passed for passed, _ in verdicts], spec.verify.rule if spec.verify else "all"),
        reasons=tuple(reason for passed, reasons in verdicts if not passed for reason in reasons),
    )


def _describe_excess(claim: Claim, finished: Sequence[Predecessor]) -> str | None:
    """Return why what a step's finished children gave can't be put together; None: it can."""
    limit = get_conf().MAX_COLLECTED_BYTES
    total = sum(len(child.output_json.encode()) for child in finished)
    stopped = count_stopped(claim.step_id, name_generation(claim.key, claim.revision))
    if total <= limit and not stopped:
        return None
    rest = f"; {stopped:,} more were not begun" if stopped else ""
    return (
        f"the {len(finished):,} that are done put out {total:,} bytes together, "
        f"MAX_COLLECTED_BYTES is {limit:,}{rest}. "
        "Raise the limit and send the step back: what is done stays, and what was not begun is done. Or skip it, give "
        "the output yourself, or abort and let each hand on a reference instead"
    )


def stop_beyond_limit(claim: Claim, output_json: str) -> None:
    """Let a grown step's siblings rest that were not begun, once those that are done are over the limit together."""
    limit = get_conf().MAX_COLLECTED_BYTES
    if not _looks(claim, len(output_json), limit):
        return
    try:
        total = sum_outputs(claim.step_id)
        if total <= limit:
            return
        stopped = stop_siblings(claim, f"not begun: what is done has {total:,} bytes, the limit is {limit:,}")
        if stopped:
            log.warning("siblings_stopped", step=claim.step_id, stopped=stopped, bytes=total, limit=limit)
    except Exception as error:  # noqa: BLE001 - this step is finished, whatever happens here
        log.warning(
            "limit_not_looked_at",
            step=claim.step_id,
            error=str(error),
            next="the next sibling looks, or who collects",
        )


def _looks(claim: Claim, size: int, limit: int) -> bool:
    return claim.token.int % max(1, limit // (_LOOKS * max(1, size))) == 0
