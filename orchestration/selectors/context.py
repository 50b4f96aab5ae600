"""What the steps of a run shared: memories, what was handed to whom and lost, budgets, and what happened last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from django.db.models import Count, F, Q, QuerySet, Sum

from agents.domain.notebook import MemoryScope
from orchestration.budgets import list_pots
from orchestration.domain.losses import sum_losses
from orchestration.domain.states import HandoffKind
from orchestration.memory.desk import list_versions
from orchestration.models import AgentContext, Handoff, LineageLine, Memory, Pot, Run
from orchestration.selectors.lineage import LineageQuery, list_lineage
from orchestration.selectors.run_details import list_handoffs

MOST_MEMORIES: Final = 50
MOST_HANDOFFS: Final = 200
MOST_LINES: Final = 25


@dataclass(frozen=True, slots=True)
class HandedSum:
    """What all steps of a run were handed together.

    Attributes: handoffs: of outputs.  shortened: of them.  fetched: parts of originals.  recalled: memories.
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
    return RunContext(
        handoff_tokens=get_handoff_tokens(run),
        handed=sum_handed(run),
        memories=list(list_shared(run)[:MOST_MEMORIES]),
        handoffs=list(list_handoffs(run.pk).order_by("-handed_at", "-id")[:MOST_HANDOFFS])[::-1],
        budgets=list_pots(run.root_id),
        trace=list_latest(run),
    )


def get_handoff_tokens(run: Run) -> int:
    """Return how many tokens one step of a run may be handed."""
    return AgentContext.objects.values_list("handoff_tokens", flat=True).get(pk=run.pk)


def list_shared(run: Run) -> QuerySet[Memory]:
    """Return the current memories that belong to a run, or that its steps wrote for others; what expired stays told."""
    own = Q(scope=MemoryScope.RUN, scope_id=str(run.pk)) | Q(run=run.pk)
    return list_versions().filter(own, project=run.project_id, replaced_by=None)


def list_latest(run: Run) -> list[LineageLine]:
    """Return the latest lines of what happened in a run, the oldest of them first."""
    rows = list_lineage(LineageQuery(run)).order_by("-at", "-place", "-row")[:MOST_LINES]
    return list(rows)[::-1]


def sum_handed(run: Run) -> HandedSum:
    """Return what all steps of a run were handed together."""
    rows = Handoff.objects.filter(run=run.pk).order_by()
    of_outputs, of_fetched, of_memories = (
        Q(kind=kind) for kind in (HandoffKind.OUTPUT, HandoffKind.FETCH, HandoffKind.RECALL)
    )
    counted = rows.aggregate(
        handoffs=Count("pk", filter=of_outputs),
        shortened=Count("pk", filter=~of_fetched & ~Q(digest=F("original_digest"))),
        fetched=Count("pk", filter=of_fetched),
        recalled=Count("pk", filter=of_memories & Q(memory__isnull=False)),
        before=Sum("tokens_before", filter=~of_fetched, default=0),
        after=Sum("tokens_after", filter=~of_fetched, default=0),
        fetched_tokens=Sum("tokens_after", filter=of_fetched, default=0),
    )
    losses = rows.filter(loss_json__isnull=False).values_list("loss_json", flat=True)
    return HandedSum(
        handoffs=counted["handoffs"],
        shortened=counted["shortened"],
        fetched=counted["fetched"],
        recalled=counted["recalled"],
        tokens_before=counted["before"],
        tokens_after=counted["after"],
        fetched_tokens=counted["fetched_tokens"],
        lost=sum_losses(orjson.loads(loss_json or "{}") for loss_json in losses),
    )
