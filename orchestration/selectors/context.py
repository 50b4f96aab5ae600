"""What the steps of a run shared: memories, what was handed to whom and lost, budgets, and what happened last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet

from agents.domain.notebook import MemoryScope
from orchestration.budgets import list_pots
from orchestration.database.statements import fetch_one
from orchestration.domain.losses import SUMMED
from orchestration.domain.states import HandoffKind
from orchestration.memory.desk import list_versions
from orchestration.models import Handoff, LineageLine, Memory, Pot, Run
from orchestration.selectors.lineage import LineageQuery, list_lineage
from orchestration.selectors.run_details import list_handoffs

MOST_MEMORIES: Final = 50
MOST_HANDOFFS: Final = 200
MOST_LINES: Final = 25
_IS_FETCHED: Final = f"h.kind = '{HandoffKind.FETCH}'"
_SUMS: Final = f"""
SELECT c.handoff_tokens,
    count(*) FILTER (WHERE h.kind = '{HandoffKind.OUTPUT}') AS handoffs,
    count(*) FILTER (WHERE NOT {_IS_FETCHED} AND h.digest <> h.original_digest) AS shortened,
    count(*) FILTER (WHERE {_IS_FETCHED}) AS fetched,
    count(*) FILTER (WHERE h.kind = '{HandoffKind.RECALL}' AND h.memory_id IS NOT NULL) AS recalled,
    coalesce(sum(h.tokens_before) FILTER (WHERE NOT {_IS_FETCHED}), 0) AS tokens_before,
    coalesce(sum(h.tokens_after) FILTER (WHERE NOT {_IS_FETCHED}), 0) AS tokens_after,
    coalesce(sum(h.tokens_after) FILTER (WHERE {_IS_FETCHED}), 0) AS fetched_tokens,
    count(h.loss_json) AS counted, {", ".join(f"coalesce(sum(l.{name}), 0)::bigint AS {name}" for name in SUMMED)}
FROM orchestration_agentcontext c LEFT JOIN orchestration_handoff h ON h.run_id = c.run_id
LEFT JOIN LATERAL json_to_record(h.loss_json::json) AS l({", ".join(f"{name} bigint" for name in SUMMED)}) ON true
WHERE c.run_id = %(run)s GROUP BY c.run_id
"""


@dataclass(frozen=True, slots=True)
class HandedSum:
    """What all steps of a run were handed together.

    Attributes: handoffs: of outputs.  recalled: memories.  shortened: of both.  fetched: parts of originals.
        tokens_before, tokens_after: of outputs and memories.  fetched_tokens: of what was fetched.
        lost: of all that was shortened, as conditions read it under `summary`.
    """

    handoffs: int
    shortened: int
    fetched: int
    recalled: int
    tokens_before: int
    tokens_after: int
    fetched_tokens: int
    lost: dict[str, int]


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the steps of a run shared; of what there may be much, the latest.

    Attributes: handoff_tokens: so many one step may be handed.  handoffs, trace: the latest last.
        memories: current ones that belong to the run, or that its steps wrote.
    """

    handoff_tokens: int
    handed: HandedSum
    memories: Sequence[Memory]
    handoffs: Sequence[Handoff]
    budgets: Sequence[Pot]
    trace: Sequence[LineageLine]


def load_context(run: Run) -> RunContext:
    """Return what the steps of a run shared."""
    most, handed = sum_handed(run)
    return RunContext(
        handoff_tokens=most,
        handed=handed,
        memories=list(list_shared(run)[:MOST_MEMORIES]),
        handoffs=list(list_handoffs(run.pk).order_by("-handed_at", "-id")[:MOST_HANDOFFS])[::-1],
        budgets=list_pots(run.root_id),
        trace=list_latest(run),
    )


def list_shared(run: Run) -> QuerySet[Memory]:
    """Return the current memories that belong to a run, or that its steps wrote for others; what expired stays told."""
    own = Q(scope=MemoryScope.RUN, scope_id=str(run.pk)) | Q(run=run.pk)
    return list_versions().filter(own, project=run.project_id, replaced_by=None)


def list_latest(run: Run) -> list[LineageLine]:
    """Return the latest lines of what happened in a run, the oldest of them first."""
    rows = list_lineage(LineageQuery(run)).reverse()[:MOST_LINES]
    return list(rows)[::-1]


def sum_handed(run: Run) -> tuple[int, HandedSum]:
    """Return how many tokens one step of a run may be handed, and what all of them were handed together."""
    row = fetch_one(_SUMS, {"run": run.pk})
    return row.handoff_tokens, HandedSum(
        handoffs=row.handoffs,
        shortened=row.shortened,
        fetched=row.fetched,
        recalled=row.recalled,
        tokens_before=row.tokens_before,
        tokens_after=row.tokens_after,
        fetched_tokens=row.fetched_tokens,
        lost={"shortened": row.counted} | {name: getattr(row, name) for name in SUMMED},
    )
