"""What a person's skip takes along, told before it is chosen: who needs the output, and who needs theirs."""

from collections.abc import Iterable, Iterator
from typing import Final

from orchestration.domain.expressions import referenced_steps
from orchestration.domain.plan import local_name, resolve_spec
from orchestration.domain.states import DONE, StepKind
from orchestration.errors import SpecInvalid
from orchestration.models import Edge
from orchestration.planning import load_plan

MOST_FORESEEN: Final = 200
"""So many steps are named; a page says no more."""


def foresee_skip(step_id: int) -> list[str]:
    """Return the keys of the steps that would be skipped along with one, in plan order, at most MOST_FORESEEN."""
    along: dict[int, tuple[int, str]] = {}
    frontier = [step_id]
    while frontier and len(along) < MOST_FORESEEN:
        found = {edge.successor_id: edge.successor for edge in _find_needs(frontier)}
        frontier = [pk for pk in found if pk not in along]
        along |= {pk: (found[pk].position, found[pk].key) for pk in frontier}
    return [key for _, key in sorted(along.values())][:MOST_FORESEEN]


def _find_needs(step_ids: Iterable[int]) -> Iterator[Edge]:
    """Yield the edges by which a step can't do without the output of one of these."""
    edges = Edge.objects.filter(predecessor__in=step_ids, is_child=False, is_optional=False)
    read = edges.exclude(successor__status__in=DONE).select_related("predecessor", "successor__run__workflow")
    columns = ("key", "position", "kind", "spec_key", "spec_json", "agent", "run")
    names = [f"successor__{name}" for name in columns]
    workflow = [f"successor__run__workflow__{name}" for name in ("id", "digest")]
    for edge in read.only("carries_data", "predecessor__key", *names, *workflow):
        if edge.carries_data or _lists(edge):
            yield edge


def _lists(edge: Edge) -> bool:
    """Tell whether a step makes its items of the list of one that hands it nothing."""
    step, workflow = edge.successor, edge.successor.run.workflow
    steps = load_plan(workflow.pk, workflow.digest)[0].step_map
    try:
        spec = resolve_spec(steps, StepKind(step.kind), step.spec_key, step.spec_json, step.agent)
    except (KeyError, SpecInvalid):
        return False
    return local_name(edge.predecessor.key) in referenced_steps(spec.for_each or "")
