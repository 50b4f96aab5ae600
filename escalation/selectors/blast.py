"""What happens if a held step's output is accepted: which steps come, and what their agents do to the world."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import connection

from agents.domain.contract import strip_pin
from agents.selectors import find_contract
from escalation.models import Ticket
from orchestration.domain.plan import resolve_spec
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DONE, StepKind
from orchestration.errors import SpecInvalid
from orchestration.models import Edge, Step, Workflow
from orchestration.planning import load_plan

_MOST_FOLLOWERS: Final = 60
# Breadth first, and read only as far as the page shows: behind a step may stand a hundred thousand.
_BEHIND: Final = """
WITH RECURSIVE behind(id, distance) AS (
    SELECT e.successor_id, 1 FROM orchestration_edge e WHERE e.predecessor_id = %s
    UNION
    SELECT e.successor_id, b.distance + 1 FROM behind b JOIN orchestration_edge e ON e.predecessor_id = b.id
    WHERE b.distance < 12
)
SELECT id, distance FROM behind LIMIT 400
"""


@dataclass(frozen=True, slots=True)
class Follower:
    """One step behind the one that waits.

    Attributes:
        runs_next: it waits for nothing else.
        condition: under which it runs; "" for always.
        effects: what its agent declares to do to the outside world.
        is_reversible: whether that can be taken back at all.  undone_by: the agent that would, if the run is aborted.
    """

    key: str
    agent: str
    runs_next: bool
    condition: str
    effects: tuple[str, ...]
    is_reversible: bool
    undone_by: str


@dataclass(frozen=True, slots=True)
class Blast:
    """What an accepted output sets off.

    Attributes: own: what the step's own agent declared, which has happened already.  is_cut: more steps follow.
    """

    own: Follower
    followers: tuple[Follower, ...]
    is_cut: bool

    @property
    def cannot_be_undone(self) -> bool:
        """Tell whether something that comes can't be taken back."""
        return any(follower.effects and not follower.is_reversible for follower in self.followers)


def foresee_blast(ticket: Ticket, plan: Mapping[str, StepSpec]) -> Blast:
    """Return what follows a ticket's step, the nearest first; a constant number of queries."""
    distance_of = _find_behind(ticket.step_id)
    near = sorted(distance_of, key=lambda step_id: (distance_of[step_id], step_id))[:_MOST_FOLLOWERS]
    steps = Step.objects.filter(pk__in=near).exclude(status__in=DONE).defer("output_json", "proposed_json")
    in_order = sorted(steps, key=lambda step: (distance_of[step.pk], step.position))
    waiting = _find_waiting([pk for pk in near if distance_of[pk] == 1], ticket.step_id)
    followers = tuple(
        _describe(step, plan, runs_next=distance_of[step.pk] == 1 and step.pk not in waiting)
        for step in in_order
    )
    own = _describe(ticket.step, plan, runs_next=False)
    return Blast(own, followers, is_cut=len(distance_of) > _MOST_FOLLOWERS)


def read_plan(ticket: Ticket) -> Mapping[str, StepSpec]:
    """Return the specs of the steps of a ticket's workflow, as its run was started with."""
    workflow_id = ticket.run.workflow_id
    digest = Workflow.objects.values_list("digest", flat=True).get(pk=workflow_id)
    return load_plan(workflow_id, digest)[0].step_map


def find_spec(step: Step, plan: Mapping[str, StepSpec]) -> StepSpec | None:
    """Return the spec of a step; None where it can't be read any more."""
    try:
        return resolve_spec(plan, StepKind(step.kind), step.spec_key, step.spec_json, step.agent)
    except (SpecInvalid, KeyError):
        return None


def _find_behind(step_id: int) -> dict[int, int]:
    """Return the steps behind one and how far behind they are, the way with the fewest steps counted."""
    distance_of: dict[int, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [step_id])
        for found, distance in cursor.fetchall():
            distance_of.setdefault(found, distance)
    return distance_of


def _find_waiting(step_ids: list[int], beside: int) -> set[int]:
    """Return those of some steps that wait for another one, too."""
    others = Edge.objects.filter(successor__in=step_ids).exclude(predecessor=beside)
    return set(others.exclude(predecessor__status__in=DONE).values_list("successor_id", flat=True))


def _describe(step: Step, plan: Mapping[str, StepSpec], *, runs_next: bool) -> Follower:
    contract = find_contract(strip_pin(step.agent))
    spec = find_spec(step, plan)
    return Follower(
        key=step.key,
        agent=step.agent,
        runs_next=runs_next,
        condition=(spec.when or "") if spec else "",
        effects=contract.effects if contract else (),
        is_reversible=contract.reversible if contract else True,
        undone_by=(spec.compensate or "") if spec else "",
    )
