"""How an attempt ended, as its row, its decision and its ticket tell it."""

from datetime import timedelta

from agents.domain.canonical import canonical_record
from agents.domain.invocation import Answered, Failed, FailureKind, SentBack
from orchestration.domain.plan import AskPerson, ChildRun, Collected, Growth, Verdicts
from orchestration.domain.policy import Decision, Ending, OutOfTime, PassedOver, Situation
from orchestration.domain.policy.failures import KEPT_AWAY
from orchestration.domain.policy.inputs import dump_inputs
from orchestration.domain.receipts import canonical
from orchestration.domain.states import AttemptOutcome, DecisionKind
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.executor.grow import dump_alone
from orchestration.ports import Hold

_ENDED_AS = {
    Answered: AttemptOutcome.ANSWERED,
    SentBack: AttemptOutcome.ANSWERED,
    PassedOver: AttemptOutcome.PASSED_OVER,
    Growth: AttemptOutcome.EXPANDED,
    ChildRun: AttemptOutcome.EXPANDED,
    AskPerson: AttemptOutcome.ASKED,
    Collected: AttemptOutcome.COLLECTED,
    Verdicts: AttemptOutcome.COLLECTED,
    OutOfTime: AttemptOutcome.KEPT_AWAY,
}
_FAILED_AS = dict.fromkeys(KEPT_AWAY, AttemptOutcome.KEPT_AWAY) | {FailureKind.CRASH: AttemptOutcome.CRASHED}


def describe_end(
    claim: Claim, outcome: Ending, said: Ending, decision: Decision, situation: Situation
) -> AttemptEnd:
    """Return how an attempt ended and what was decided.

    Args: outcome: what the policy decided on.  said: what the agent itself said, which the attempt's row tells.
    """
    inputs = dump_inputs(outcome, situation) | {"revision": claim.revision, "attempt": claim.attempt}
    now = claim.now()
    is_retry = decision.kind is DecisionKind.RETRY
    failure = said if isinstance(said, Failed) else None
    return AttemptEnd(
        finished_at=now,
        outcome=_name_outcome(said),
        kind=decision.kind,
        rule=decision.rule,
        inputs_json=canonical_record(inputs),
        reason=decision.reason,
        agent_version=said.agent_version if isinstance(said, Answered | SentBack | Failed) else None,
        confidence=said.confidence if isinstance(said, Answered) else None,
        usage_json=canonical(said.usage) if isinstance(said, Answered) and said.usage else "{}",
        failure_kind=failure.kind if failure else "",
        error_class=failure.error_class[:200] if failure else "",
        error_message=failure.message if failure else "",
        traceback_tail=failure.traceback_tail if failure else "",
        due_at=now + timedelta(seconds=decision.delay_seconds) if is_retry and failure else None,
    )


def _name_outcome(said: Ending) -> AttemptOutcome:
    if isinstance(said, Failed):
        return _FAILED_AS.get(said.kind, AttemptOutcome.FAILED)
    return _ENDED_AS[type(said)]


def describe_hold(claim: Claim, outcome: Ending, decision: Decision) -> Hold:
    """Return a step that waits for a person, as its ticket needs to know it."""
    proposed = _find_proposal(outcome)
    shown = outcome.seen_json if isinstance(outcome, AskPerson) else proposed
    return Hold(
        project_id=claim.run.project_id,
        run_id=claim.run.run_id,
        step_id=claim.step_id,
        step_key=claim.key,
        workflow_name=claim.run.workflow_name,
        sla=claim.run.sla,
        agent=claim.agent,
        attempt=claim.attempt,
        rule=decision.rule,
        reason=decision.reason + _tell_unspawned(outcome),
        seen_json=shown if shown is not None else "null",
        has_proposal=proposed is not None,
        confidence=outcome.confidence if isinstance(outcome, Answered) else None,
    )


def _find_proposal(outcome: Ending) -> str | None:
    """Return what a person may approve: of a step that wanted to spawn, in the form in which others read it."""
    if isinstance(outcome, Answered) and outcome.spawn is not None:
        return dump_alone(outcome)
    return outcome.output_json if isinstance(outcome, Answered | Collected | Verdicts) else None


def _tell_unspawned(outcome: Ending) -> str:
    if isinstance(outcome, Answered) and outcome.spawn:
        return f"; it wanted to spawn {len(outcome.spawn)} steps, which an approval leaves undone"
    return ""
