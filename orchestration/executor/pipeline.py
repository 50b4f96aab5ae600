"""The main path: a message came for a step; perform it, and those that follow in place while that is quick."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypedDict, TypeVar
from uuid import UUID, uuid4

import structlog

from agents.domain.classification import describe_error, describe_fault, describe_refusal
from agents.domain.invocation import Failed, FailureKind, Outcome, Task
from agents.invoke import invoke
from agents.selectors import answered_names
from orchestration.conf import get_conf, get_signer
from orchestration.database.insistence import insist
from orchestration.dispatch import ISOLATED, Continuation, dispatch
from orchestration.domain.policy import Ending, HeldBack
from orchestration.domain.receipts import canonical
from orchestration.domain.spec import ENGINE_AGENTS, StepSpec
from orchestration.domain.states import DONE
from orchestration.domain.work import Claim, Facts, Released, RunOn
from orchestration.errors import ClaimLost
from orchestration.executor.admission import keep_away, note_call
from orchestration.executor.conclusion import Conclusion, conclude_surely
from orchestration.executor.handed import check_handed
from orchestration.executor.holding import is_beyond_the_attempt
from orchestration.executor.lending import lent_connection
from orchestration.executor.mailing import pass_on
from orchestration.executor.patience import ask_patiently
from orchestration.executor.prepare import Prepared, get_spec_or_plain, prepare
from orchestration.executor.sending import gather_letters
from orchestration.executor.settling import settle_calls
from orchestration.executor.slots import claim_with_slots, ring_next
from orchestration.executor.summarising import take_summary
from orchestration.executor.together import claim_together, release_together
from orchestration.outages import is_away
from orchestration.selectors.admission import asks_for_slots
from orchestration.selectors.claims import Stale, find_stale, was_turned_away
from orchestration.transitions.claim import find_claim
from orchestration.transitions.finish import new_run_on
from orchestration.transitions.release import record_late_write, release_step
from orchestration.transitions.waiting import mark_unknown_agent

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Host(Protocol):
    """The worker process, as the executor needs it."""

    @property
    def process_id(self) -> int:
        """Return the id of the process's row."""

    def enter_anew(self, process_id: int) -> None:
        """Let `process_id` wait for the next beat, which finds this row declared dead and writes another."""

    def note_claim(self, claim: Claim) -> None:
        """Remember that a message was claimed: what the maintainer tells lost messages by."""

    def note_attempt(self, claim: Claim) -> None:
        """Know which claim this thread performs from now on, and until when it may."""

    def tell_ran_on(self, claim: Claim, word: str) -> None:
        """Show a step that was run on, without a message of its own, to whoever watches the workers."""


@dataclass(slots=True)
class _Stride:
    """How long this message has run on: the time its agents worked, not what they waited for a turn."""

    agents: list[str]
    seconds: float = 0.0


def perform(step_id: int, task_id: str, host: Host, continuation: Continuation) -> str:
    """Perform a step, if it is to be performed, and return one word for the worker's log and Flower.

    Args: step_id: what the message names; nothing else in it is believed.  task_id: Celery's.
    """
    agents = sorted(answered_names() | ENGINE_AGENTS)
    try:
        claim = _claim_as_present(step_id, task_id, host, agents)
        if claim is None:
            return _answer_stale(step_id, agents, continuation)
    except Exception as error:  # noqa: BLE001 - nothing was begun, whatever it was
        continuation.clear()
        log.warning(
            "claim_given_up",
            step=step_id,
            error=describe_error(error),
            next="the maintainer sends the step again",
        )
        return _name_end(error)
    host.note_claim(claim)
    host.note_attempt(claim)
    stride = _Stride(agents)
    word, following = _attempt(claim, continuation, stride)
    while following is not None:
        claim = following
        host.note_attempt(claim)
        said, following = _attempt(claim, continuation, stride)
        with suppress(Exception):  # who watches must not cost the next step its claim
            host.tell_ran_on(claim, said)
    return word


class _Bid(TypedDict):
    """Who wants to claim, and what it can perform."""

    process_id: int
    task_id: str
    agents: list[str]
    token: UUID


def _claim_as_present(step_id: int, task_id: str, host: Host, agents: list[str]) -> Claim | None:
    """Claim a step; once more where this process was declared dead meanwhile, as after a pause of the machine.

    Until its next beat it would use up its messages for nothing, and their steps would wait for the maintainer.
    """
    process_id = host.process_id
    claim = _claim(step_id, task_id, process_id, agents)
    if claim is None and was_turned_away(step_id, process_id):
        host.enter_anew(process_id)
        claim = _claim(step_id, task_id, host.process_id, agents)
    return claim


def _claim(step_id: int, task_id: str, process_id: int, agents: list[str]) -> Claim | None:
    """Claim a step, also over a restart of the database; a claim whose answer was lost is found by its token."""
    token = uuid4()
    bid: _Bid = {"process_id": process_id, "task_id": task_id, "agents": agents, "token": token}

    def claim_or_find(again: bool) -> Claim | None:  # noqa: FBT001 - insist's own word
        lost = find_claim(step_id, token) if again else None
        claim = lost or claim_together(step_id, **bid) or _claim_with_slots(step_id, bid)
        return find_claim(step_id, token) if claim is None and again else claim

    return insist(claim_or_find, _after(get_conf().LEASE_SECONDS), doing="claim", step_id=step_id)


def _claim_with_slots(step_id: int, bid: _Bid) -> Claim | None:
    return claim_with_slots(step_id, **bid) if asks_for_slots(step_id) else None


def _after(seconds: float) -> Callable[[], bool]:
    over_at = time.monotonic() + seconds
    return lambda: time.monotonic() > over_at


def _attempt(claim: Claim, continuation: Continuation, stride: _Stride) -> tuple[str, Claim | None]:
    """Take one claim through the pipeline; return its word and the successor claimed in place, if any.

    Whatever is raised on the way ends the attempt, as a failure with its cause; only a lost claim and a lasting outage
    leave it to others.
    """
    try:
        prepared = _prepare(claim)
        outcome, facts = _invoke_surely(prepared, claim, stride)
        run_on = _plan_run_on(claim, continuation, stride)
        conclusion = conclude_surely(claim, prepared.spec, facts, outcome, run_on=run_on)
    except ClaimLost as error:
        continuation.clear()
        with suppress(Exception):
            record_late_write(claim, canonical({"token": str(claim.token), "message": str(error)}))
        return "refused", None
    except Exception as error:  # noqa: BLE001 - an outage, or not even the plainest ending could be written
        continuation.clear()
        log.warning(
            "step_given_up",
            step=claim.step_id,
            error=describe_error(error),
            next="the maintainer goes on with it past its deadline",
        )
        return _name_end(error), None
    return _go_on(claim, conclusion, continuation)


def _name_end(error: Exception) -> str:
    return "database_away" if is_away(error) else "failed"


def _or_fault(act: Callable[[], T], claim: Claim, during: str) -> T | Failed:
    """Do a part of an attempt; what nobody foresaw becomes its failure, as the engine's own fault."""
    try:
        return act()
    except BaseException as error:
        if is_beyond_the_attempt(error):
            raise
        fault = describe_fault(error, claim.agent, during)
        log.error(
            "engine_fault", step=claim.step_id, during=during, error=fault.error_class, why=fault.message
        )
        return fault


def _prepare(claim: Claim) -> Prepared:
    begun = _or_fault(lambda: ask_patiently(claim, prepare, doing="prepare"), claim, "preparing it")
    if isinstance(begun, Prepared):
        return begun
    spec = ask_patiently(claim, get_spec_or_plain, doing="read its spec")
    return Prepared(spec, begun, Facts())


def _invoke_surely(prepared: Prepared, claim: Claim, stride: _Stride) -> tuple[Ending, Facts]:
    """Call the agent, and return how that ended with what is known of it; nothing is called where there is no task."""
    if not isinstance(prepared.task, Task):
        return prepared.task, prepared.facts
    task, spec = prepared.task, prepared.spec
    outcome = _or_fault(lambda: _invoke(task, spec, claim, stride), claim, "calling its agent")
    settled = _or_fault(lambda: _settle(claim, task, outcome, prepared), claim, "reading its calls")
    return settled if isinstance(settled, tuple) else (settled, prepared.facts)


def _settle(claim: Claim, task: Task, outcome: Ending, prepared: Prepared) -> tuple[Ending, Facts]:
    said, facts = gather_letters(claim, task, *settle_calls(task, outcome, prepared.facts))
    return (said, facts) if prepared.wish is None else take_summary(claim, prepared.wish, said, facts)


def _invoke(task: Task, spec: StepSpec, claim: Claim, stride: _Stride) -> Outcome | HeldBack:
    kept_away = ask_patiently(claim, keep_away, doing="ask for admission")
    if kept_away is not None:
        return kept_away
    if claim.now() > claim.deadline_at:
        # The maintainer may free the step at any moment: a body that began now would run twice.
        message = f"the database was away until its {claim.timeout_seconds:g} s were over; it was not begun"
        return describe_refusal(FailureKind.OUTAGE, message, claim.agent)
    started = time.monotonic()
    with lent_connection(claim.agent):
        outcome = invoke(claim.agent, task, timeout_seconds=claim.timeout_seconds)
    note_call(claim, outcome)
    stride.seconds += time.monotonic() - started
    return check_handed(claim, spec, outcome)


def _plan_run_on(claim: Claim, continuation: Continuation, stride: _Stride) -> RunOn | None:
    """Offer to claim the next chain link in place when this message was quick so far."""
    following = continuation.find_next()
    if following is None or claim.queue == ISOLATED or stride.seconds > get_conf().RUN_ON_SECONDS:
        return None
    return new_run_on(following.step_id, following.task_id, stride.agents)


def _go_on(claim: Claim, conclusion: Conclusion, continuation: Continuation) -> tuple[str, Claim | None]:
    """After the commit: go on with what follows; what fails at that is no fault of the attempt, which has ended."""
    try:
        if claim.pools:
            ring_next(claim.pools)
        followed = _follow(claim, conclusion, continuation)
    except Exception as error:  # noqa: BLE001 - as said above
        continuation.clear()
        log.warning(
            "not_followed",
            step=claim.step_id,
            error=describe_error(error),
            next="the maintainer goes on with it",
        )
        followed = conclusion.decision.kind, conclusion.finished.next_claim if conclusion.finished else None
    pass_on(claim, sends=conclusion.sends)
    return followed


def _follow(claim: Claim, conclusion: Conclusion, continuation: Continuation) -> tuple[str, Claim | None]:
    """After the commit: release what waits behind the step, and see that each released step is rung for once."""
    finished = conclusion.finished
    if finished is None:
        continuation.clear()
        if conclusion.started:
            dispatch(list(conclusion.started))
        return conclusion.decision.kind, None
    released = list(finished.released)
    if finished.look_behind:
        released += _release(claim)
    if finished.next_claim is not None:
        continuation.pop()
    _ring(released, continuation, keep=finished.next_claim is not None)
    return conclusion.decision.kind, finished.next_claim


def _release(claim: Claim) -> list[Released]:
    """Release what waits behind a done step; what a lasting outage leaves undone keeps its mark for the maintainer."""
    try:
        return insist(
            lambda _: release_together(claim.step_id, get_signer()),
            _after(get_conf().LEASE_SECONDS),
            doing="release",
            step_id=claim.step_id,
        )
    except Exception as error:  # noqa: BLE001 - the mark stays, whatever it was
        log.warning(
            "release_given_up",
            step=claim.step_id,
            error=describe_error(error),
            next="the maintainer releases it",
        )
        return []


def _ring(released: list[Released], continuation: Continuation, *, keep: bool) -> None:
    """Leave to Celery what its canvas rings for, and dispatch the rest.

    Args: keep: the canvas belongs to the successor that was claimed in place; leave it alone.
    """
    by_canvas = continuation.next_step_id
    if not keep and by_canvas is not None and by_canvas not in {item.step_id for item in released}:
        # The next link is no step that was released now: the chain is out of date or forged, and not followed.
        continuation.clear()
        by_canvas = None
    rest = [item.step_id for item in released if not item.rung and (keep or item.step_id != by_canvas)]
    if rest:
        dispatch(rest)


def _answer_stale(step_id: int, agents: list[str], continuation: Continuation) -> str:
    """A message that finds nothing to claim ends quietly, but for the duties it may have come for."""
    stale = find_stale(step_id)
    if stale is not None and stale.status in DONE:
        return _answer_done(step_id, stale, continuation)
    continuation.clear()
    if stale is None:
        return "unknown"
    if stale.waits_for_slots:
        return "waits"
    if stale.status == "available" and stale.agent not in agents and mark_unknown_agent(step_id, agents):
        log.warning(
            "agent_unknown", step=step_id, agent=stale.agent, next="it waits for a worker that knows it"
        )
        return "waits"
    return "stale"


def _answer_done(step_id: int, stale: Stale, continuation: Continuation) -> str:
    """The first delivery of a done step may have died before it released, or before its canvas went on.

    The canvas goes on only to a successor that the database says is waiting; a chord counts each header once.
    """
    if not stale.waiting:
        continuation.clear()
    elif continuation.next_step_id not in stale.waiting:
        continuation.clear_links()
    if not stale.unreleased:
        return "stale"
    dispatch([item.step_id for item in release_step(step_id, get_signer()) if not item.rung])
    return "released"
