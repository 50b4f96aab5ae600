"""What moves the amounts of pots, beside the ends of calls: open, reserve, ask about, top up; and who goes on then.

Locks: run, step, pots in the order of their ids. Nobody who holds a pot takes a step or a run: who waits is woken in a
statement of its own, after the commit that freed something. docs/adr/0041.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import transaction

from agents.domain.usage import Reservation
from orchestration.budgets.reading import read_states
from orchestration.budgets.statements import (
    ASK,
    FITTING,
    LOCK,
    LOCK_OWNER,
    OPEN,
    TAKE,
    TOP_UP,
    TOPPED_UP,
)
from orchestration.conf import get_conf
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.budget import MOST, PotState, Short, count_needed, find_short
from orchestration.domain.waits import WaitsFor
from orchestration.domain.work import Claim
from orchestration.errors import RunFinal
from orchestration.history import EventKind, insert_event
from orchestration.transitions.vocabulary import is_held_by, lost, ring_chosen

_OPEN: Final = OPEN.replace("@held", is_held_by("s", "%(token)s::uuid"))


def open_pots(claim: Claim, limits: Mapping[str, int]) -> None:
    """Write the pots of a claimed step, unless they are there: each attempt and each revision draws from the same.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    about = {"step": claim.step_id, "token": claim.token}
    if fetch_one(_OPEN, about | {"units": list(limits), "limits": list(limits.values())}) is None:
        raise lost(claim)


# A line of the step that calls: its run can't have ended while it is held.
_TAKE: Final = f"""{TAKE}, told AS ({insert_event(EventKind.BUDGET_TIGHT, source="tight", data="said")})
SELECT count(*) AS number FROM taken
"""


def reserve(
    claim: Claim, try_id: int, pots: Sequence[int], reservation: Reservation
) -> Short | tuple[PotState, ...]:
    """Reserve what a call may need in every pot above its step, in the transaction that begins it.

    Returns: the pot that it does not fit into, and nothing was written; else the pots as they stand now.
    """
    found = read_states(fetch_all(LOCK, {"pots": list(pots)}))
    short = find_short(found, reservation)
    if short is not None:
        return short
    amounts = [count_needed(pot.unit, reservation) for pot in found]
    tight = [
        pot.id for pot, amount in zip(found, amounts, strict=True) if pot.is_tight(amount) and not pot.is_told
    ]
    fetch_one(
        _TAKE,
        {
            "pots": [pot.id for pot in found],
            "amounts": amounts,
            "tight": tight,
            "tokens": reservation.tokens,
            "micro_usd": reservation.micro_usd or 0,
            "try": try_id,
            "run": claim.run.run_id,
            "step": claim.step_id,
            "attempt": claim.attempt,
        },
    )
    return tuple(
        pot._replace(reserved=pot.reserved + amount, is_told=pot.is_told or pot.id in tight)
        for pot, amount in zip(found, amounts, strict=True)
    )


def may_ask(pot_id: int, step_id: int) -> bool:
    """Return whether this step is the one that asks a person about a pot; from here on it is.

    The same one may come again, should its worker die before it has asked.
    """
    with transaction.atomic():
        fetch_all(LOCK, {"pots": [pot_id]})  # what another step does is read under it, not before it
        return fetch_one(ASK, {"pot": pot_id, "step": step_id}) is not None


_WAKE: Final = ring_chosen(
    FITTING,
    sets="waits_for = ''",
    guard=f"s.status = 'available' AND s.waits_for = '{WaitsFor.BUDGET}'",
    event=EventKind.STEP_WOKEN,
)


def wake_for_budget(pots: Sequence[int] | None = None) -> list[int]:
    """Return steps that waited for a budget and may be rung for; their dispatch is counted.

    Args: pots: those of which something became free; None looks at all.
    """
    about = {"pots": None if pots is None else list(pots), "limit": get_conf().REDISPATCH_LIMIT}
    return [row.id for row in fetch_all(_WAKE, about)]


_TOLD: Final = insert_event(
    EventKind.BUDGET_TOPPED_UP,
    source="(SELECT DISTINCT run_id AS id FROM raised) r",
    data="%(event)s::text",
    of_run=True,
)
_TOP_UP: Final = f"{TOP_UP}, told AS ({_TOLD}) SELECT id, asked_step FROM raised ORDER BY id"


def find_top_up(run_id: UUID, key: str | None) -> str | None:
    """Lock a run whose budget may be raised until the transaction ends; return what its history tells of this key.

    Raises: RunFinal: it has succeeded, or the run at the top of its tree has.
    """
    if fetch_one(LOCK_OWNER, {"run": run_id}) is None:
        raise RunFinal(f"run {run_id} has succeeded, or belongs to one that has; there is nothing to top up")
    told = None if key is None else fetch_one(TOPPED_UP, {"run": run_id, "key": key})
    return None if told is None else str(told.data_json)


def top_up(
    run_id: UUID, step_id: int | None, amounts: Mapping[str, int], *, event_json: str
) -> list[tuple[int, int | None]]:
    """Raise limits of a run, or of one of its steps; the caller holds the run.

    Returns: the pots, each with the step that asked a person about it; fewer than amounts: a limit would be beyond what
        one may be, and the caller takes all of it back.
    """
    about = {"run": run_id, "step": step_id, "event": event_json, "most": MOST}
    rows = fetch_all(_TOP_UP, about | {"units": list(amounts), "amounts": list(amounts.values())})
    return [(row.id, row.asked_step) for row in rows]
