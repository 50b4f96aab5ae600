"""What the steps of a run shared, on one page: memory, what was handed over and lost, budget, what happened last."""

from typing import Any, Final

from django.http import HttpRequest

from orchestration.admin.access import caller_of
from orchestration.admin.budgets import view_pots
from orchestration.admin.lineage import view_lineage
from orchestration.admin.lines import view_handoff
from orchestration.admin.memory.lines import view_memories
from orchestration.admin.paging import turn_page
from orchestration.models import Run
from orchestration.selectors.context import MOST_MEMORIES, list_latest, list_shared, sum_handed
from orchestration.selectors.run_details import list_handoffs

_LINES_PER_PAGE: Final = 50


def build_context(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return what the steps of a run shared; `?page=` turns the hand-offs."""
    page = turn_page(request, list_handoffs(run.pk), _LINES_PER_PAGE)
    memories = list(list_shared(run)[: MOST_MEMORIES + 1])
    most, handed = sum_handed(run)
    return {
        "page": page,
        "lines": [view_handoff(handoff) for handoff in page.rows],
        "most": most,
        "handed": handed,
        "memories": view_memories(memories[:MOST_MEMORIES], caller_of(request).user_id),
        "has_more_memories": len(memories) > MOST_MEMORIES,
        "pots": view_pots(run),
        "trace": [view_lineage(line) for line in list_latest(run)],
    }
