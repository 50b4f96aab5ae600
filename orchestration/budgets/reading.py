"""Which pots stand above a step, and how those of a tree stand."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from orchestration.budgets.rows import Pot
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.budget import PotState, Unit

STATE: Final = (
    'p.id, p.unit, p."limit", p.reserved, p.spent, p.lost, p.overrun, p.tight_at IS NOT NULL AS is_told'
)
UP: Final = """up AS (
    SELECT s.id, s.run_id, s.parent_id FROM orchestration_step s WHERE s.id = %(step)s
    UNION ALL
    SELECT o.id, o.run_id, o.parent_id FROM up u JOIN orchestration_run r ON r.id = u.run_id
    JOIN orchestration_step o ON o.id = coalesce(u.parent_id, r.parent_step_id)
)"""
"""A step, the one that grew it, and so on to the root: through child runs too."""
ABOVE: Final = f"""{UP}, above AS (
    SELECT p.* FROM up u JOIN orchestration_pot p ON p.step_id = u.id
    UNION ALL
    SELECT p.* FROM (SELECT DISTINCT run_id FROM up) u
    JOIN orchestration_pot p ON p.run_id = u.run_id AND p.step_id IS NULL
)"""
"""The pots of these, and of their runs. Of each pot one row: nothing stands twice on the way up."""
_PATH: Final = f"WITH RECURSIVE {ABOVE} SELECT {STATE} FROM above p ORDER BY p.id"


def load_path(step_id: int) -> tuple[PotState, ...]:
    """Return the pots that a step's calls are booked in, in the order of their ids."""
    return read_states(fetch_all(_PATH, {"step": step_id}))


def read_states(rows: Iterable[tuple[object, ...]]) -> tuple[PotState, ...]:
    """Return pots from rows that have the columns of `STATE`."""
    states = (PotState._make(row) for row in rows)
    return tuple(state._replace(unit=Unit(state.unit)) for state in states)


def list_pots(root_id: UUID) -> list[Pot]:
    """Return the pots of all runs of a tree, those nearest to the root first."""
    return list(
        Pot.objects.filter(run__root_id=root_id).select_related("run", "step").order_by("run__depth", "pk")
    )


class AskedPot(NamedTuple):
    """The pot that a held step asked a person about. `missing`: until its call fits, once others have ended."""

    id: int
    run_id: UUID
    step_id: int | None
    step_key: str | None
    unit: Unit
    missing: int


_ASKED: Final = """
SELECT p.id, p.run_id, p.step_id, o.key, p.unit,
    (d.said->>'needed')::bigint - (p."limit" - p.spent - p.lost - p.overrun) AS missing
FROM (SELECT inputs_json::json->'outcome' AS said FROM orchestration_decision
      WHERE step_id = %(step)s ORDER BY id DESC LIMIT 1) d
JOIN orchestration_pot p ON p.id = (d.said->>'pot')::bigint LEFT JOIN orchestration_step o ON o.id = p.step_id
"""


def find_asked(step_id: int) -> AskedPot | None:
    """Return the pot that a step asked about with its last decision; None: it asked about something else."""
    row = fetch_one(_ASKED, {"step": step_id})
    return (
        None
        if row is None
        else AskedPot(row.id, row.run_id, row.step_id, row.key, Unit(row.unit), row.missing)
    )


class StepSum(NamedTuple):
    """What the calls of one step of a tree used, as pots above it would count it: in full what can't be known.

    Attributes: tokens, micro_usd: spent.  lost_tokens, lost_micro_usd: of calls of which nobody has the answer.
    """

    run_id: UUID
    step_key: str
    calls: int
    tokens: int
    micro_usd: int
    lost_tokens: int
    lost_micro_usd: int


def _sum_spent(used: str, reserved: str) -> str:
    return f"""coalesce(sum(CASE t.state WHEN 'done' THEN coalesce(t.{used}, t.{reserved})
        WHEN 'failed' THEN t.{used} END), 0)::bigint"""


def _sum_lost(used: str, reserved: str) -> str:
    return f"""coalesce(sum(coalesce(t.{used}, t.{reserved})) FILTER (
        WHERE t.state = 'lost' OR (t.state = 'failed' AND t.{used} IS NULL)), 0)::bigint"""


_BY_STEP: Final = f"""
SELECT t.run_id, s.key, count(*) FILTER (WHERE t.state <> 'withdrawn') AS calls,
    {_sum_spent("tokens", "reserved_tokens")} AS tokens,
    {_sum_spent("cost_micro_usd", "reserved_micro_usd")} AS micro_usd,
    {_sum_lost("tokens", "reserved_tokens")} AS lost_tokens,
    {_sum_lost("cost_micro_usd", "reserved_micro_usd")} AS lost_micro_usd
FROM orchestration_calltry t JOIN orchestration_step s ON s.id = t.step_id JOIN orchestration_run r ON r.id = t.run_id
JOIN orchestration_call c ON c.id = t.call_id
WHERE r.root_id = %(root)s AND c.run_id = r.id
GROUP BY t.run_id, s.key, r.depth, s.position ORDER BY r.depth, t.run_id, s.position LIMIT %(most)s
"""


def sum_by_step(root_id: UUID, most: int = 200) -> list[StepSum]:
    """Return what the steps of a tree used, in the order of the plan, the runs nearest to the root first."""
    return [StepSum._make(row) for row in fetch_all(_BY_STEP, {"root": root_id, "most": most})]
