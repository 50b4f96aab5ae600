"""Frees running steps whose worker is dead or whose time is over, each by a decision of its own."""

import structlog
from django.db import transaction

from agents.domain.classification import describe_refusal
from agents.domain.invocation import FailureKind
from orchestration.conf import get_conf
from orchestration.dispatch import ISOLATED, dispatch
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost
from orchestration.executor import Crash, conclude, get_spec_or_plain
from orchestration.selectors.processes import count_in_flight, is_queue_served
from orchestration.selectors.proof import load_handoff_lines
from orchestration.transitions.claim import load_claims, lock_claim
from orchestration.transitions.heal import find_died_since, find_overdue, find_stranded, ring_suspects_of
from orchestration.transitions.statements import DATABASE_AWAY
from orchestration.transitions.tree import lock_run

log = structlog.get_logger(__name__)
LIMIT = 500


def free_stranded() -> int:
    """Free the steps of processes that are gone; return how many.

    A crash counts against a step only if it was alone in its process; otherwise all of them are suspects and go on
    in `isolated`, one per process, where the next crash tells whose it is.
    """
    claims = load_claims(find_stranded(LIMIT))
    in_flight = count_in_flight({claim.process_id for claim in claims})
    can_isolate = is_queue_served(ISOLATED)
    if claims and not can_isolate:
        log.warning(
            "nobody_isolates", next=f"start a worker for the queue '{ISOLATED}', as the Procfile does"
        )
    freed = [
        claim
        for claim in claims
        if _free_crashed(claim, in_flight[claim.process_id] == 1, can_isolate=can_isolate)
    ]
    dispatch([claim.step_id for claim in freed])
    return len(freed)


def free_overdue() -> int:
    """Free the steps that are past their deadline and the grace, whatever their worker says."""
    claims = load_claims(find_overdue(get_conf().DEADLINE_GRACE_SECONDS, LIMIT))
    return sum(_free_expired(claim) for claim in claims)


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


def _free_expired(claim: Claim) -> bool:
    message = f"it took longer than {claim.timeout_seconds:g} s and the grace"
    return _conclude(claim, FailureKind.TIMEOUT, message, None)


def _conclude(claim: Claim, kind: FailureKind, message: str, crash: Crash | None) -> bool:
    failure = describe_refusal(kind, message, claim.agent)
    try:
        with transaction.atomic():
            lock_run(claim.run.run_id)
            lock_claim(claim)
            received = load_handoff_lines(claim.step_id, claim.attempt)
            conclusion = conclude(claim, get_spec_or_plain(claim), failure, received, crash=crash)
    except ClaimLost:
        return False  # its worker was quicker
    except DATABASE_AWAY:
        raise
    except Exception:  # one step that can't be freed must not keep the others
        log.exception("step_not_freed", step=claim.step_id, next="it is tried again at the next sweep")
        return False
    log.warning("step_freed", step=claim.step_id, why=message, decision=conclusion.decision.kind)
    released = conclusion.finished.released if conclusion.finished is not None else ()
    dispatch([*conclusion.started, *(item.step_id for item in released)])
    return True
