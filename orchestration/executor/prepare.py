"""From a claim to the agent's task: the spec, the hand-off within its tokens, the condition, the resolved input."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import structlog
from django.db import DatabaseError

from agents.domain.calls import Calls
from agents.domain.classification import describe_refusal
from agents.domain.contract import AgentKind
from agents.domain.invocation import Failed, FailureKind, Task
from agents.domain.keeping import KeptState
from agents.errors import UnreadableOutput
from agents.selectors import find_contract
from orchestration.budgets import load_path
from orchestration.domain.budget import PotState
from orchestration.domain.distances import FRESH_STEPS
from orchestration.domain.expressions import ExpressionFailed, referenced_steps
from orchestration.domain.plan import AskPerson, Collected, LimitExceeded, local_name, resolve_spec
from orchestration.domain.policy import Ending, PassedOver
from orchestration.domain.receipts import canonical
from orchestration.domain.spec import HUMAN, StepSpec, dump_step, load_spec
from orchestration.domain.states import PASSED_OVER, StepKind, StepStatus
from orchestration.domain.waits import collects
from orchestration.domain.work import Claim, Facts
from orchestration.errors import ClaimLost, HandoffTooLarge
from orchestration.executor.cancellation import ask_whether_cancelled
from orchestration.executor.collecting import collect
from orchestration.executor.context import ClaimReader
from orchestration.executor.deadlines import find_out_of_time
from orchestration.executor.growing import plan_child, unfold
from orchestration.executor.handed import find_handed
from orchestration.executor.journal import ClaimJournal
from orchestration.executor.keeping import load_state
from orchestration.executor.reading import Reading
from orchestration.executor.recalling import RECALL_SHARE, ask_or_end, hand_memories
from orchestration.executor.remembering import ClaimShelf, count_conflicts
from orchestration.executor.summarising import Wish, find_made, find_summariser, grow_summaries, read_wish
from orchestration.handoff import Handed, HandoffTerms, SummariesWanted, assemble_handoff
from orchestration.journal.reading import load_calls_made
from orchestration.models import Workflow
from orchestration.outages import is_away
from orchestration.selectors.pending import Pending, load_pending
from orchestration.selectors.proof import EarlierTries, load_earlier_tries, load_handoff_lines
from orchestration.transitions.budget import open_pots

log = structlog.get_logger(__name__)


_Means = tuple[Calls, ClaimReader]
"""By which a task asks the engine."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an attempt starts from: a task for the agent, or the reason why there is none; and what its end needs.

    Attributes: wish: the summary that it is to make.
    """

    spec: StepSpec
    task: Task | Ending
    facts: Facts
    wish: Wish | None = None


def prepare(claim: Claim) -> Prepared:
    """Read a claimed step's spec and build its agent's task from what it receives, or collect what its children gave.

    Raises: ClaimLost: the claim passed on while a summary was written.
    """
    earlier = _read_earlier(claim)
    try:
        spec = get_step_spec(claim)
    except Exception as error:
        # It may be a stricter check of a newer release: this attempt's fault, not its worker's.
        if is_away(error):
            raise
        return _end(claim, get_spec_or_plain(claim), _fail(claim, FailureKind.UNKNOWN, error), earlier)
    return _begin(claim, spec, earlier)


def _begin(claim: Claim, spec: StepSpec, earlier: EarlierTries) -> Prepared:
    if collects(claim.stage):
        return _end(claim, spec, collect(claim, spec), earlier)
    late = find_out_of_time(claim, spec, earlier.lines)
    if late is not None:
        return _end(claim, spec, late, earlier)
    if claim.kind is StepKind.SUMMARY:
        return _begin_summary(claim, spec, earlier)
    pots = _open_budget(claim, spec)
    handed = _hand_over(claim, spec)
    if not isinstance(handed, Handed):
        return _end(claim, spec, handed, earlier)
    journal = _open_journal(claim, earlier, pots)
    calls = Calls(journal, ClaimShelf(claim, journal.ask))
    reader = ClaimReader(claim, journal, handed, spec.fresh_steps)
    task = ask_or_end(claim, journal, lambda: _build_task(claim, spec, handed, (calls, reader)))
    lines = (*handed.lines, *(one.line for one in reader.recalled))
    made = None if isinstance(task, Task) else journal.summarise()
    return Prepared(spec, task, Facts(lines, earlier.lines, find_handed(claim, earlier.lines), made))


def _hand_over(claim: Claim, spec: StepSpec) -> Handed | Ending:
    """Return what a step is handed, or the steps that are to make summaries of it first."""
    try:
        try:
            return assemble_handoff(claim, _make_terms(claim, spec, find_summariser()))
        except SummariesWanted as wanted:
            return grow_summaries(claim, wanted) or assemble_handoff(claim, _make_terms(claim, spec, ""))
    except HandoffTooLarge as error:
        return _fail(claim, FailureKind.BAD_INPUT, error)
    except (ClaimLost, DatabaseError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever an output is, its fault is this attempt's
        return _fail(claim, FailureKind.UNKNOWN, error)


def _make_terms(claim: Claim, spec: StepSpec, summariser: str) -> HandoffTerms:
    contract = find_contract(claim.agent)
    asks_model = contract is not None and contract.kind is AgentKind.MODEL
    fresh_steps = spec.fresh_steps or (FRESH_STEPS if asks_model else None)
    kept_back = 0 if spec.recall is None else claim.run.handoff_tokens // RECALL_SHARE
    return HandoffTerms(spec.pin, summariser, fresh_steps, kept_back)


def _begin_summary(claim: Claim, spec: StepSpec, earlier: EarlierTries) -> Prepared:
    """Begin a summary, unless the same one is there by now, or about to be."""
    wish = read_wish(claim)
    made = find_made(claim, wish)
    if isinstance(made, str):
        return _end(claim, spec, Collected(made, "summary_kept"), earlier)
    if made is not None:
        return _end(claim, spec, made, earlier)
    journal = _open_journal(claim, earlier, _open_budget(claim, spec))
    reader = ClaimReader(claim, journal, Handed({}, (), {}), None)
    task = _make_task(
        claim,
        wish.ask(),
        {},
        orjson.loads(claim.run.input_json),
        None,
        (Calls(journal, ClaimShelf(claim, journal.ask)), reader),
    )
    return Prepared(spec, task, _read_facts(claim, earlier), wish)


def _open_journal(claim: Claim, earlier: EarlierTries, pots: tuple[PotState, ...]) -> ClaimJournal:
    contract = find_contract(claim.agent)
    version = 1 if contract is None else contract.version
    conflicts = count_conflicts(earlier.lines)
    has_calls = earlier.has_calls
    return ClaimJournal(claim, has_calls=has_calls, pots=pots, version=version, conflicts=conflicts)


def _open_budget(claim: Claim, spec: StepSpec) -> tuple[PotState, ...]:
    """Return what limits a step; nothing is asked where no budget is above it and it has none."""
    if spec.budget is not None:
        open_pots(claim, spec.budget.limits)
    return load_path(claim.step_id) if claim.run.has_budget or spec.budget is not None else ()


def load_facts(claim: Claim) -> Facts:
    """Return the facts of an attempt that others prepared, from its rows."""
    return _read_facts(claim, _read_earlier(claim))


def _build_task(claim: Claim, spec: StepSpec, handed: Handed, means: _Means) -> Task | Ending:
    listed = referenced_steps(spec.for_each or "")
    missing = _find_missing(claim, listed)
    if missing is not None:
        return PassedOver("need_passed_over", f"it needs the output of '{missing}', which was passed over")
    run_input = orjson.loads(claim.run.input_json)
    item = None if claim.item_json is None else orjson.loads(claim.item_json)
    values = {"input": run_input, "steps": handed.values, "item": item}
    read = Reading(values, handed.lost, *means)
    try:
        if spec.when is not None and not read.is_true(spec.when):
            return PassedOver("condition_false", f"its condition is false: {spec.when}")
        if spec.for_each is not None:
            return unfold(claim, spec, {"input": run_input, "steps": _read_originals(claim, listed)})
        return _address(claim, spec, handed, means, read)
    except LimitExceeded as error:
        return _fail(claim, FailureKind.LIMIT, error)
    except (ExpressionFailed, UnreadableOutput) as error:
        # Unreadable is what was computed and can't be kept, such as 2^53.
        return _fail(claim, FailureKind.BAD_INPUT, error)


def _address(claim: Claim, spec: StepSpec, handed: Handed, means: _Means, read: Reading) -> Task | Ending:
    """Return the work for whoever does the step: a child run, a person, or an agent."""
    if spec.recall is not None:
        hand_memories(spec.recall, read.evaluate(spec.recall.like), *means)
    resolved = _resolve_input(claim, spec, read)
    item, run_input = read.values["item"], read.values["input"]
    if spec.workflow is not None:
        return plan_child(claim, spec.workflow, resolved)
    if spec.agent == HUMAN:
        return AskPerson(
            canonical({"input": resolved, "handoff": handed.values, "form": spec.form, "item": item})
        )
    return _make_task(claim, resolved, handed.values, run_input, item, means)


def _make_task(
    claim: Claim, resolved: Any, handed: dict[str, Any], run_input: Any, item: Any, means: _Means
) -> Task:
    return Task(
        input=resolved,
        handoff=handed,
        run_input=run_input,
        run_id=str(claim.run.run_id),
        step_key=claim.key,
        attempt=claim.attempt,
        token=str(claim.token),
        idempotency_key=claim.idempotency_key,
        feedback=claim.feedback or None,
        index=claim.index if claim.kind is StepKind.ITEM else None,
        item=item,
        deadline_at=claim.deadline_at,
        is_cancelled=ask_whether_cancelled(claim),
        calls=means[0],
        context=means[1],
        recalled=means[1].entries,
        address=claim.run.actor,
        kept=KeptState(None, 0) if claim.run.actor is None else load_state(claim, run_input),
    )


def _resolve_input(claim: Claim, spec: StepSpec, read: Reading) -> Any:
    """Return what the agent is given as its input: a verifier sees the output it judges and what was asked for."""
    item = read.values["item"]
    if claim.kind is StepKind.VERIFIER:
        lost = {"summary": read.lost} if read.lost["shortened"] else {}
        return {"output": item, "instructions": _describe_judged(claim)} | lost
    if claim.kind is StepKind.COMPENSATION:
        return {"output": item}
    return {name: read.evaluate_input(source) for name, source in spec.input.items()}


def _read_originals(claim: Claim, read: Collection[str]) -> dict[str, Any]:
    """Return what an expression reads of the steps before, whole: for the engine's own eyes, no agent is handed it."""
    return {
        local_name(p.key): json.loads(p.output_json)
        for p in claim.predecessors
        if local_name(p.key) in read and not p.is_child
    }


def _find_missing(claim: Claim, listed: Collection[str]) -> str | None:
    """Return a needed step that was passed over, unless the need is optional.

    Args: listed: steps that its list is read from; it needs those too.
    """
    for before in claim.predecessors:
        passed_over = before.status is StepStatus.SKIPPED and before.skip_reason in PASSED_OVER
        is_needed = before.carries_data or local_name(before.key) in listed
        if passed_over and is_needed and not before.is_optional:
            return before.key
    return None


def _end(claim: Claim, spec: StepSpec, ending: Ending, earlier: EarlierTries) -> Prepared:
    return Prepared(spec, ending, _read_facts(claim, earlier))


def _read_facts(claim: Claim, earlier: EarlierTries) -> Facts:
    """Return what the rows say was handed: a summary may have been recorded before the fault."""
    handed = find_handed(claim, earlier.lines)
    calls = load_calls_made(claim.step_id, claim.renewals) if earlier.has_calls else None
    lines = load_handoff_lines(claim.step_id, claim.attempt)
    has_pending = collects(claim.stage) and claim.proposed_json is not None
    pending = load_pending(claim.step_id, claim.revision) if has_pending else Pending()
    return Facts(lines, earlier.lines, handed, calls, pending.effects, pending.embedded)


def _read_earlier(claim: Claim) -> EarlierTries:
    """Return the attempts before this one; nothing is read for the first."""
    return load_earlier_tries(claim.step_id, claim.attempt) if claim.attempt > 1 else EarlierTries()


def _fail(claim: Claim, kind: FailureKind, error: Exception) -> Failed:
    return describe_refusal(kind, str(error), claim.agent, error_class=type(error).__name__)


@lru_cache(maxsize=256)
def _load_steps(workflow_id: int, digest: str) -> dict[str, StepSpec]:
    # The digest is part of the key so that a cache can never outlive a database that was made anew.
    return load_spec(json.loads(Workflow.objects.get(pk=workflow_id, digest=digest).spec_json)).step_map


def get_step_spec(claim: Claim) -> StepSpec:
    """Return the spec of a claimed step. Versions are immutable, so each is read once per process."""
    steps = _load_steps(claim.run.workflow_id, claim.run.workflow_digest)
    if claim.kind is StepKind.PLANNED:
        return steps[claim.spec_key]
    return resolve_spec(steps, claim.kind, claim.spec_key, claim.spec_json, claim.agent)


def get_spec_or_plain(claim: Claim) -> StepSpec:
    """Return the step's spec, or one of defaults when it can't be read any more: a person decides by those.

    Raises: django.db.Error: the database is away; that says nothing of the spec.
    """
    try:
        return get_step_spec(claim)
    except Exception as error:
        if is_away(error):
            raise
        log.exception("spec_unreadable", step=claim.step_id, next="the step goes to a person")
        return StepSpec(claim.spec_key, agent=claim.agent or HUMAN)


def _describe_judged(claim: Claim) -> dict[str, Any]:
    """Return what the step was asked that a verifier judges: its spec as JSON."""
    steps = _load_steps(claim.run.workflow_id, claim.run.workflow_digest)
    asked = resolve_spec(steps, StepKind.SPAWNED, claim.spec_key, claim.spec_json, claim.agent)
    said: dict[str, Any] = json.loads(dump_step(asked))
    return said
