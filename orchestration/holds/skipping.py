"""What a person's skip takes along, told before it is chosen: who needs the output, and who needs theirs."""

from collections.abc import Iterable, Iterator
from typing import Final

from django.db import connection

from orchestration.domain.expressions import referenced_steps
from orchestration.domain.plan import local_name
from orchestration.domain.states import DONE
from orchestration.holds.specs import read_spec
from orchestration.models import Edge

MOST_FORESEEN: Final = 200
"""So many steps are named; a page says no more."""
# Read breadth first and only as far as is asked for; what a skip does not reach is left out afterwards.
_BEHIND: Final = """
WITH RECURSIVE behind(id) AS (
    SELECT %s::bigint
    UNION
    SELECT e.successor_id FROM behind b JOIN orchestration_edge e ON e.predecessor_id = b.id
    WHERE NOT e.is_child AND NOT e.is_optional
)
SELECT id FROM behind LIMIT 2000
"""


def foresee_skip(step_id: int) -> list[str]:
    """Return the keys of the steps that would be skipped along with one, in plan order, at most MOST_FORESEEN.

    Two queries, however long the chain behind the step is.
    """
    needs: dict[int, list[Edge]] = {}
    for edge in _find_needs(_find_behind(step_id)):
        needs.setdefault(edge.predecessor_id, []).append(edge)
    along: dict[int, tuple[int, str]] = {}
    frontier = [step_id]
    while frontier and len(along) < MOST_FORESEEN:
        found = {edge.successor_id: edge.successor for pk in frontier for edge in needs.get(pk, ())}
        frontier = [pk for pk in found if pk not in along]
        along |= {pk: (found[pk].position, found[pk].key) for pk in frontier}
    return [key for _, key in sorted(along.values())][:MOST_FORESEEN]


def _find_behind(step_id: int) -> list[int]:
    """Return a step and those behind it that may need its output, the nearest first."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [step_id])
        return [pk for (pk,) in cursor.fetchall()]


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
    spec = read_spec(edge.successor)
    return spec is not None and local_name(edge.predecessor.key) in referenced_steps(spec.for_each or "")
