"""Work that an agent returns to an earlier step: whether it may, and the write."""

from django.db import transaction

from agents.domain.invocation import SentBack
from orchestration.domain.plan import resolve_spec
from orchestration.domain.states import Stage, StepKind
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.errors import ClaimLost
from orchestration.planning import find_first_doers, load_plan
from orchestration.selectors.rework import Earlier, find_earlier
from orchestration.transitions.reset import restore_doers
from orchestration.transitions.rework import ReworkOrder, rework_run


def find_rework_fault(claim: Claim, answer: SentBack) -> str:
    """Return why work can't go back to where the agent wants it; empty: it can."""
    target = find_earlier(claim.step_id, answer.step)
    if target is None:
        return f"'{answer.step}' is no step that '{claim.key}' waited for; name one of those"
    if target.kind == StepKind.VERIFIER:
        return f"'{target.key}' is a verifier; name the step it judged"
    if target.parent_id is not None and target.parent_stage == Stage.VERDICTS:
        return f"'{target.key}' belongs to a step with a gate; name that step"
    limit = _find_limit(claim, target)
    if target.reworks >= limit:
        return f"'{target.key}' was sent back {target.reworks} times, its max_reworks is {limit}"
    return ""


def send_back(claim: Claim, end: AttemptEnd, answer: SentBack) -> int:
    """Return work to an earlier step; return that step, which is available then.

    Raises: ClaimLost: nothing was written.
    """
    target = find_earlier(claim.step_id, answer.step)
    if target is None:
        raise ClaimLost(f"step {claim.step_id} does not wait for '{answer.step}' any more")
    order = ReworkOrder(target.step_id, target.key, _find_limit(claim, target), answer.reasons)
    with transaction.atomic():
        done = rework_run(claim, end, order)
        restore_doers(find_first_doers(done.fallen))
    return done.available


def _find_limit(claim: Claim, target: Earlier) -> int:
    steps = load_plan(claim.run.workflow_id, claim.run.workflow_digest)[0].step_map
    kind = StepKind(target.kind)
    return resolve_spec(steps, kind, target.spec_key, target.spec_json, target.agent).max_reworks
