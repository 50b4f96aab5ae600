"""Frees running steps whose worker is dead or whose time is over, each by a decision of its own.

A step that held the interpreter of its process is at fault for what became of the others there: they go on where they
were, and nothing is counted against them or their agents; it goes on in `isolated`, as after a crash of its own.
"""

import structlog
from django.db import transaction

from agents.domain.classification import describe_refusal
from agents.domain.invocation import FailureKind
from orchestration.conf import get_conf
from orchestration.dispatch import ISOLATED, dispatch
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost
from orchestration.executor import Crash, conclude_surely, get_spec_or_plain, load_facts
from orchestration.journal.writing import lose_tries
from orchestration.maintenance.each import do_each
from orchestration.outages import is_away, is_of_statement
from orchestration.selectors.left import find_died_since, find_overdue, find_stranded
from orchestration.selectors.processes import Block, count_in_flight, find_blocks, is_queue_served
from orchestration.transitions.claim import load_claims, lock_claim
from orchestration.transitions.heal import ring_suspects_of
from orchestration.transitions.tree import lock_run

log = structlog.get_logger(__name__)
LIMIT = 500


def free_stranded() -> int:
    """Free the steps of processes that are gone; return how many.

    A crash counts against a step only if it was alone in its process; otherwise all of them are suspects and go on
    in `isolated`, one per process, where the next crash tells whose it is.
    """
    claims = _load(find_stranded(LIMIT))
    processes = {claim.process_id for claim in claims}
    in_flight, blocks = count_in_flight(processes), find_blocks(processes, 0.0)
    can_isolate = is_queue_served(ISOLATED)
    if claims and not can_isolate:
        log.warning(
            "nobody_isolates", next=f"start a worker for the queue '{ISOLATED}', as the Procfile does"
        )

    def free(claim: Claim) -> list[int]:
        block = blocks.get(claim.process_id)
        if block is not None and block.ended_at is None and block.step_id is not None:
            is_freed = _free_blocked(claim, block, can_isolate=can_isolate)
        else:
            is_freed = _free_crashed(claim, in_flight[claim.process_id] == 1, can_isolate=can_isolate)
        return [claim.step_id] if is_freed else []

    freed = [step_id for found in do_each("free_stranded", claims, free) for step_id in found]
    dispatch(freed)
    return len(freed)


def free_overdue() -> int:
    """Free the steps that are past their deadline and the grace, whatever their worker says."""
    grace = get_conf().DEADLINE_GRACE_SECONDS
    claims = _load(find_overdue(grace, LIMIT))
    # A shorter one is no excuse: the grace outlasted it.
    blocks = find_blocks({claim.process_id for claim in claims}, grace)
    can_isolate = bool(blocks) and is_queue_served(ISOLATED)
    rung: list[int] = []

    def free(claim: Claim) -> bool:
        block = blocks.get(claim.process_id)
        if block is None or not block.concerns(claim.claimed_at, claim.deadline_at):
            return _free_expired(claim)
        is_freed = _free_blocked(claim, block, can_isolate=can_isolate)
        rung.extend([claim.step_id] if is_freed else [])
        return is_freed

    freed = sum(do_each("free_overdue", claims, free))
    dispatch(rung)
    return freed


def lose_calls() -> int:
    """Tell as lost what agents had called when they lost their claim, and that nobody could tell; return how many."""
    return lose_tries("its attempt had ended")


def _load(step_ids: list[int]) -> list[Claim]:
    """Read the claims of steps; one that can't be read does not keep the others."""
    try:
        return load_claims(step_ids)
    except Exception as error:
        if is_away(error) and not is_of_statement(error):
            raise
        log.warning("claims_unreadable", steps=len(step_ids), error=str(error), next="each is read alone")
    return [
        claim for found in do_each("load_claim", step_ids, lambda one: load_claims([one])) for claim in found
    ]


def ring_after_death() -> int:
    """Send again what processes that died lately may have taken from the broker unclaimed.

    Whoever found them dead, this maintainer or the process that took over their name; what was rung is not rung
    again, since its dispatch is younger than the death.
    """
    conf = get_conf()
    window = conf.LOST_AFTER_SECONDS + conf.HEARTBEAT_SECONDS
    dead = find_died_since(conf.LEASE_SECONDS)
    lost = [step for process in dead for step in ring_suspects_of(process, window, conf.REDISPATCH_LIMIT)]
    dispatch(lost)
    return len(lost)


def _free_crashed(claim: Claim, is_alone: bool, *, can_isolate: bool) -> bool:  # noqa: FBT001 - a fact of the claim
    message = f"its worker process {claim.process_id} died"
    queue = claim.queue
    if not is_alone:
        message += " with other steps in it"
        # Where nobody would take it there, it is better tried again beside others than never.
        queue = ISOLATED if can_isolate else claim.queue
    return _conclude(claim, FailureKind.CRASH, message, Crash(queue=queue, is_own=is_alone))


def _free_blocked(claim: Claim, block: Block, *, can_isolate: bool) -> bool:
    """Free a step of a process whose interpreter was held: by this step, by another, or by nobody knows whom."""
    message = "another step held the interpreter of its worker process, so that nothing there could go on"
    queue = claim.queue
    if block.step_id is None:
        message = "something held the interpreter of its worker process, so that nothing there could go on"
    elif block.step_id == claim.step_id:
        message = (
            "it held the interpreter of its worker process, so that nothing there could go on; an agent that computes "
            f"for long, or matches a slow pattern, is best run on the queue '{ISOLATED}'"
        )
    if block.step_id in (None, claim.step_id) and can_isolate:
        queue = ISOLATED
    crash = Crash(queue=queue, is_own=block.step_id == claim.step_id)
    return _conclude(claim, FailureKind.CRASH, message, crash)


def _free_expired(claim: Claim) -> bool:
    message = f"it took longer than {claim.timeout_seconds:g} s and the grace"
    return _conclude(claim, FailureKind.TIMEOUT, message, None)


def _conclude(claim: Claim, kind: FailureKind, message: str, crash: Crash | None) -> bool:
    failure = describe_refusal(kind, message, claim.agent)
    try:
        with transaction.atomic():
            lock_run(claim.run.run_id)
            lock_claim(claim)
            spec, facts = get_spec_or_plain(claim), load_facts(claim)
            conclusion = conclude_surely(claim, spec, facts, failure, crash=crash)
    except ClaimLost:
        return False  # its worker was quicker
    log.warning("step_freed", step=claim.step_id, why=message, decision=conclusion.decision.kind)
    released = conclusion.finished.released if conclusion.finished is not None else ()
    dispatch([*conclusion.started, *(item.step_id for item in released)])
    return True
