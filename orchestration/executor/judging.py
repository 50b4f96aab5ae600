"""What is decided about an attempt, and how its row, its decision and its ticket tell it. Nothing is read here.

What the database knows was read before: the `Facts` before the agent was called, and what only its answer asks for
(`Seen`) by `conclusion.py`. Read next: `orchestration/domain/policy/`.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from random import random

from agents.domain.canonical import canonical_record
from agents.domain.invocation import Answered, Failed, FailureKind, SentBack
from orchestration.conf import get_conf
from orchestration.database.lines import dump_line
from orchestration.domain.budget import Unit, write_question
from orchestration.domain.holds import HoldSubject
from orchestration.domain.plan import AskPerson, ChildRun, Collected, Growth, Verdicts
from orchestration.domain.policy import (
    AwaitsCalls,
    Decision,
    Ending,
    HeldBack,
    OutOfBudget,
    OutOfTime,
    PassedOver,
    Situation,
    SummaryUnderWay,
    decide,
)
from orchestration.domain.policy.failures import KEPT_AWAY
from orchestration.domain.policy.inputs import dump_inputs
from orchestration.domain.questions import write_questions
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import AttemptOutcome, DecisionKind, Stage, StepKind
from orchestration.domain.work import AttemptEnd, Claim, Facts
from orchestration.executor.deadlines import count_seconds_left
from orchestration.executor.growing import check_spawner, dump_alone, spawn
from orchestration.executor.remembering import count_conflicts
from orchestration.memory.writing import REMEMBERED
from orchestration.outgoing import EMBEDDED, PENDING
from orchestration.planning import plan_verifiers
from orchestration.ports import Hold
from orchestration.sampling import SAMPLED, is_drawn
from orchestration.transitions.handoff import BY_STEP
from orchestration.usage import SPENT, Used, read_used


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked up because of how an attempt ended; of a plain answer nothing.

    Attributes: run_steps: so many steps its run has, for one that spawns.  rework_fault: as of `Situation`.
        waited_out, may_ask: as of `Situation`, for a step that its agent's breaker keeps away.
    """

    run_steps: int = 0
    rework_fault: str = ""
    waited_out: bool = False
    may_ask: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is decided, and on what: an accepted answer may turn out to grow first, or to be wrong."""

    outcome: Ending
    decision: Decision
    end: AttemptEnd

    @property
    def waits(self) -> tuple[str, ...]:
        """Return the paths of the open calls that its agent waits for."""
        return self.outcome.paths if isinstance(self.outcome, AwaitsCalls) else ()


def judge(
    claim: Claim,
    spec: StepSpec,
    facts: Facts,
    outcome: Ending,
    seen: Seen,
    *,
    own_crash: bool = False,
) -> Judgement:
    """Decide on an attempt's outcome: first on what its agent said, then on what an accepted answer lets grow.

    Args: own_crash: its worker process died of it.
    """
    used = _find_used(outcome)
    if isinstance(outcome, Answered) and outcome.spawn is not None:
        outcome = check_spawner(outcome)
    situation = _situate(claim, spec, facts, seen, own_crash=own_crash)
    ended_as = outcome
    decision = decide(outcome, spec, situation)
    if decision.kind is DecisionKind.ACCEPT and isinstance(outcome, Answered) and outcome.spawn is not None:
        ended_as = spawn(claim, outcome, seen.run_steps)
        decision = decide(ended_as, spec, situation)
    if decision.kind is DecisionKind.ACCEPT and claim.gated and isinstance(ended_as, Answered | Collected):
        ended_as = plan_verifiers(claim, spec, ended_as.output_json)
        decision = decide(ended_as, spec, situation)
    said = ended_as if isinstance(ended_as, Failed) else outcome
    end = _describe_end(claim, ended_as, said, decision, situation, used)
    is_accepted = decision.kind is DecisionKind.ACCEPT and isinstance(ended_as, Answered | Verdicts)
    if is_accepted and is_drawn(claim.step_id, claim.revision, spec.audit_rate):
        end = replace(end, effects={**end.effects, SAMPLED.name: [{"rate": spec.audit_rate}]})
    end = _add_effects(end, claim, facts, outcome, ended_as, decision)
    if facts.summary is not None and decision.kind in (DecisionKind.ACCEPT, DecisionKind.SKIP):
        end = replace(end, effects={**end.effects, BY_STEP.name: [facts.summary]})
    return Judgement(ended_as, decision, end)


def _add_effects(
    end: AttemptEnd, claim: Claim, facts: Facts, outcome: Ending, ended_as: Ending, decision: Decision
) -> AttemptEnd:
    """Return an end with an answer's effects: they are done with it, wait for who accepts it, or are dropped."""
    if decision.kind is DecisionKind.ACCEPT and isinstance(ended_as, Answered | Collected | Verdicts):
        return replace(end, effects={**end.effects, **facts.effects}, embedded=facts.embedded)
    waits = decision.kind in {DecisionKind.WAIT, DecisionKind.ESCALATE}
    is_answer = isinstance(outcome, Answered) and isinstance(ended_as, Answered | Growth)
    if not waits or not is_answer or not facts.effects:
        return end
    pending = {
        "revision": claim.revision,
        "attempt": claim.attempt,
        "effects_json": dump_line({**facts.effects, EMBEDDED: facts.embedded}),
        "remembers": REMEMBERED.name in facts.effects,
    }
    return replace(end, effects={**end.effects, PENDING.name: [pending]})


def judge_fault(claim: Claim, spec: StepSpec, fault: Failed) -> Judgement:
    """Decide on the engine's own fault, by so little that this can hardly fail in its turn."""
    conf = get_conf()
    situation = Situation(
        claim.failures, claim.crashes, conf.CRASH_LIMIT, conf.DEFAULT_MIN_CONFIDENCE, jitter=0
    )
    decision = decide(fault, spec, situation)
    return Judgement(fault, decision, _describe_end(claim, fault, fault, decision, situation, Used()))


def _situate(claim: Claim, spec: StepSpec, facts: Facts, seen: Seen, *, own_crash: bool) -> Situation:
    conf = get_conf()
    return Situation(
        failures=claim.failures,
        crashes=claim.crashes + own_crash,
        crash_limit=conf.CRASH_LIMIT,
        default_min_confidence=conf.DEFAULT_MIN_CONFIDENCE,
        jitter=random(),  # noqa: S311 - spreads retries, guards nothing
        verdict_revisions=claim.verdict_revisions,
        rework_fault=seen.rework_fault,
        fallbacks=claim.fallbacks,
        waited_out=seen.waited_out,
        may_ask=seen.may_ask,
        conflicts=count_conflicts(facts.earlier),
        collects=claim.stage is not Stage.FRESH,
        seconds_left=count_seconds_left(claim, spec, facts.earlier),
        is_summary=claim.kind is StepKind.SUMMARY,
    )


def _describe_end(
    claim: Claim, outcome: Ending, said: Ending, decision: Decision, situation: Situation, used: Used
) -> AttemptEnd:
    """Return how an attempt ended and what was decided.

    Args: outcome: what the policy decided on.  said: what the agent itself said, which the attempt's row tells.
        used: by the agent, whatever became of its answer.
    """
    inputs = dump_inputs(outcome, situation) | {"revision": claim.revision, "attempt": claim.attempt}
    now = claim.now()
    is_retry = decision.kind is DecisionKind.RETRY
    failure = said if isinstance(said, Failed) else None
    is_timed = failure is not None or isinstance(said, SummaryUnderWay)
    return AttemptEnd(
        finished_at=now,
        outcome=_name_outcome(said),
        kind=decision.kind,
        rule=decision.rule,
        inputs_json=canonical_record(inputs),
        reason=decision.reason,
        agent_version=said.agent_version
        if isinstance(said, Answered | SentBack | Failed | AwaitsCalls)
        else None,
        confidence=said.confidence if isinstance(said, Answered) else None,
        usage_json=used.json if used else "{}",
        effects={SPENT.name: [used.line]} if used else {},
        failure_kind=failure.kind if failure else "",
        error_class=failure.error_class[:200] if failure else "",
        error_message=failure.message if failure else "",
        traceback_tail=failure.traceback_tail if failure else "",
        due_at=now + timedelta(seconds=decision.delay_seconds) if is_retry and is_timed else None,
    )


def _find_used(outcome: Ending) -> Used:
    """Return what the agent says that it used: also for an answer that can't be kept, since it is paid for."""
    return read_used(outcome.usage) if isinstance(outcome, Answered | Failed) else Used()


_ENDED_AS = {
    Answered: AttemptOutcome.ANSWERED,
    SentBack: AttemptOutcome.ANSWERED,
    PassedOver: AttemptOutcome.PASSED_OVER,
    Growth: AttemptOutcome.EXPANDED,
    ChildRun: AttemptOutcome.EXPANDED,
    AskPerson: AttemptOutcome.ASKED,
    Collected: AttemptOutcome.COLLECTED,
    Verdicts: AttemptOutcome.COLLECTED,
    AwaitsCalls: AttemptOutcome.SUSPENDED,
    OutOfTime: AttemptOutcome.KEPT_AWAY,
    HeldBack: AttemptOutcome.KEPT_AWAY,
    OutOfBudget: AttemptOutcome.SUSPENDED,
    SummaryUnderWay: AttemptOutcome.KEPT_AWAY,
}
_FAILED_AS = dict.fromkeys(KEPT_AWAY, AttemptOutcome.KEPT_AWAY) | {FailureKind.CRASH: AttemptOutcome.CRASHED}


def _name_outcome(said: Ending) -> AttemptOutcome:
    if isinstance(said, Failed):
        return _FAILED_AS.get(said.kind, AttemptOutcome.FAILED)
    return _ENDED_AS[type(said)]


def describe_hold(claim: Claim, spec: StepSpec, outcome: Ending, decision: Decision) -> Hold:
    """Return a step that waits for a person, as its ticket needs to know it."""
    subject, shown = _choose_subject(outcome)
    return Hold(
        project_id=claim.run.project_id,
        run_id=claim.run.run_id,
        step_id=claim.step_id,
        step_key=claim.key,
        workflow_name=claim.run.workflow_name,
        sla=claim.run.sla,
        agent=claim.agent,
        attempt=claim.attempt,
        subject=subject,
        rule=decision.rule,
        reason=decision.reason + _tell_unspawned(outcome),
        seen_json=shown if shown is not None else "null",
        has_proposal=shown is not None and subject in {HoldSubject.OUTPUT, HoldSubject.CALLS},
        confidence=outcome.confidence if isinstance(outcome, Answered) else None,
        input_json=claim.run.input_json,
        title=(spec.review.title or "") if spec.review else "",
    )


def _choose_subject(outcome: Ending) -> tuple[HoldSubject, str | None]:
    """Return what a person is asked about, and what is shown: canonical JSON; None: nothing was proposed."""
    match outcome:
        case AskPerson():
            return HoldSubject.TASK, outcome.seen_json
        case AwaitsCalls() if outcome.approval is not None:
            return HoldSubject.CALLS, outcome.approval.request_json
        case OutOfBudget():
            unit = Unit(outcome.unit)
            return HoldSubject.BUDGET, write_question(unit, outcome.needed, outcome.left, outcome.reason)
        case AwaitsCalls():
            return HoldSubject.QUESTION, write_questions(outcome.questions)
        case _:
            return HoldSubject.OUTPUT, _find_proposal(outcome)


def _find_proposal(outcome: Ending) -> str | None:
    """Return what a person may approve: of a step that wanted to spawn, in the form in which others read it."""
    if isinstance(outcome, Answered) and outcome.spawn is not None:
        return dump_alone(outcome)
    return outcome.output_json if isinstance(outcome, Answered | Collected | Verdicts) else None


def _tell_unspawned(outcome: Ending) -> str:
    if isinstance(outcome, Answered) and outcome.spawn:
        return f"; it wanted to spawn {len(outcome.spawn)} steps, which an approval leaves undone"
    return ""
