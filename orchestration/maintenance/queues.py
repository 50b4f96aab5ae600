"""Lets steps go on that waited for slots of pools or for their agent's breaker, and frees what dead claims hold."""

from agents.admission import find_openings, reap
from orchestration.conf import get_conf
from orchestration.dispatch import dispatch
from orchestration.executor import ring_next
from orchestration.selectors.admission import find_live_tokens
from orchestration.transitions.budget import wake_for_budget
from orchestration.transitions.lift import lift_needless
from orchestration.transitions.waiting import wake_kept_away


def free_admissions() -> int:
    """Free slots and probes of claims that are gone; return of how many claims."""
    return reap(find_live_tokens)


def wake_pool_waiters() -> int:
    """Ring for the steps whose turn at their pools has come."""
    return ring_next()


def wake_breaker_waiters() -> int:
    """Ring for the steps that their agent's breaker kept away and that may go on."""
    openings = [(opening.agent, opening.opened_at, opening.may_probe) for opening in find_openings()]
    woken = wake_kept_away(openings, get_conf().REDISPATCH_LIMIT)
    dispatch(woken)
    return len(woken)


def lift_budget_questions() -> int:
    """Withdraw what people are asked about budgets that have room by now, and ring for the steps that asked."""
    lifted = lift_needless()
    dispatch(lifted)
    return len(lifted)


def wake_budget_waiters() -> int:
    """Ring for the steps whose call fits into its budget now, and for one of each pot to ask people about it."""
    woken = wake_for_budget()
    dispatch(woken)
    return len(woken)
