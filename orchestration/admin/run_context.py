"""What the steps of a run shared, on one page: memory, what was handed over and lost, budget, what happened last."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration.admin.access import caller_of
from orchestration.admin.addresses import step_url
from orchestration.admin.budgets import view_pots
from orchestration.admin.lines import view_handoff, view_lineage
from orchestration.admin.paging import turn_page
from orchestration.admin.visible import mark_unseen, show_json
from orchestration.models import Memory, Run
from orchestration.selectors.context import (
    MOST_MEMORIES,
    get_handoff_tokens,
    list_latest,
    list_shared,
    sum_handed,
)
from orchestration.selectors.run_details import list_handoffs
from orchestration.selectors.withheld import withhold

_LINES_PER_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class MemoryView:
    """A memory as the page shows it. `value`: None: it is forgotten, or `hidden`, as that says."""

    row: Memory
    key: SafeString
    writer: SafeString
    writer_url: str
    value: SafeString | None
    hidden: str


def build_context(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return what the steps of a run shared; `?page=` turns the hand-offs."""
    page = turn_page(request, list_handoffs(run.pk), _LINES_PER_PAGE)
    memories = list(list_shared(run)[: MOST_MEMORIES + 1])
    shown: dict[int, list[str | None]] = defaultdict(list)
    for one in memories[:MOST_MEMORIES]:
        if one.step_id is not None:
            shown[one.step_id].append(one.value_json)
    hidden = withhold(shown, caller_of(request).user_id)
    return {
        "page": page,
        "lines": [view_handoff(handoff) for handoff in page.rows],
        "most": get_handoff_tokens(run),
        "handed": sum_handed(run),
        "memories": [_view_memory(one, hidden.get(one.step_id or 0, "")) for one in memories[:MOST_MEMORIES]],
        "has_more_memories": len(memories) > MOST_MEMORIES,
        "pots": view_pots(run),
        "trace": [view_lineage(line) for line in list_latest(run)],
    }


def _view_memory(memory: Memory, hidden: str) -> MemoryView:
    step = memory.step
    return MemoryView(
        row=memory,
        key=mark_unseen(memory.key),
        writer=mark_unseen(memory.person_name if step is None else step.key),
        writer_url="" if step is None else step_url(step.run_id, step.key),
        value=None if memory.value_json is None or hidden else show_json(memory.value_json),
        hidden=hidden,
    )
