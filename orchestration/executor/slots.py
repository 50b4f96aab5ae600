"""Claims of steps that ask for slots of pools: whoever's turn it is takes all of them with the claim, others wait.

The order of locks: the step, then the pools by name. While the pools are locked nobody else takes slots of them, so the
line can be looked at: a newcomer does not overtake those that wait. Read next: `agents/domain/pools.py`.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.admission import find_rooms, lock_pools, take_slots
from agents.domain.pools import Request, Room, find_too_small, grant
from orchestration.conf import get_conf
from orchestration.dispatch import dispatch
from orchestration.domain.work import Claim
from orchestration.selectors.admission import list_pool_waiters
from orchestration.transitions.claim import claim_step
from orchestration.transitions.waiting import lock_pool_step, ring_for_slots, wait_for_pools


def claim_with_slots(
    step_id: int, *, process_id: int, task_id: str, agents: list[str], token: UUID
) -> Claim | None:
    """Claim a step with all slots it asks for; None when it must wait for them, or is not to be claimed at all.

    One that asks for more than a pool has is claimed without any: it can't be performed, and its attempt will say so.

    Args: as of `claim_step`.
    """
    with transaction.atomic():
        row = lock_pool_step(step_id, agents)
        if row is None:
            return None
        rooms = lock_pools(row.pools)
        if not _is_impossible(rooms, row.pools) and not _take_turn(rooms, row, token):
            wait_for_pools(step_id, json.dumps({"pools": row.pools}))
            return None
        claim = claim_step(
            step_id, process_id=process_id, task_id=task_id, agents=agents, token=token, has_slots=True
        )
        if claim is None:
            transaction.set_rollback(True)
        return claim


def ring_next(pools: Iterable[str] | None = None) -> int:
    """Ring for the steps whose turn has come, and return how many; at most so many as there is room for.

    Args: pools: those of which something became free; None looks at all.
    """
    waiting = list_pool_waiters(None if pools is None else set(pools))
    if not waiting:
        return 0
    granted = grant(find_rooms({name for request in waiting for name in request.pools}), waiting)
    rung = ring_for_slots([request.step_id for request in granted], get_conf().LOST_AFTER_SECONDS)
    dispatch(rung)
    return len(rung)


def _take_turn(rooms: dict[str, Room], row: Any, token: UUID) -> bool:
    """Take all slots that a step asks for, if nobody before it in line could have them now."""
    mine = Request(row.id, row.pools, row.created_at, row.priority)
    others = [request for request in list_pool_waiters(row.pools) if request.step_id != row.id]
    # Those before it may wait for other pools as well, which nobody has to hold still for.
    named = {name for request in others for name in request.pools}
    if mine not in grant({**find_rooms(named), **rooms}, [*others, mine]):
        return False
    return take_slots(row.pools, token, row.id, _describe(row)) == []


def _is_impossible(rooms: dict[str, Room], needs: dict[str, int]) -> bool:
    """Return whether a pool is too small for it; one that was closed for a while is not."""
    return any(rooms[name].capacity > 0 for name in find_too_small(rooms, needs))


def _describe(row: Any) -> str:
    return f"{row.workflow_name} {str(row.run_id)[:8]} / {row.key}"
