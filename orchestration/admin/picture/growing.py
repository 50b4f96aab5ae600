"""Puts what steps have grown between them and what follows them, so that a plan reads as it is lived.

Pure. The engine lets a step wait for its children and collect them; a reader sees a step, its children, and what
comes after. Many items or verifiers of one step are one group from the start: there may be thousands.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from orchestration.admin.picture.folding import APART, URGENCY
from orchestration.domain.states import StepKind
from orchestration.selectors.plan_rows import PlanStep

Links = frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Group:
    """One step, or several alike that one step grew. `counts`: by status, a step's or what is worse below it."""

    steps: tuple[PlanStep, ...]
    counts: Mapping[str, int]

    @property
    def first(self) -> PlanStep:
        """Return the step that stands for the group."""
        return self.steps[0]


def group_steps(steps: Sequence[PlanStep], most_abreast: int) -> list[Group]:
    """Return the steps in plan order, with those in groups that are too many to stand side by side.

    Those that need a person's eye make a group of their own. What grouped steps grew themselves is not shown.

    Args: steps: parents before their children.  most_abreast: so many alike stand side by side.
    """
    status_of = _find_worst(steps)
    crowd_of = {step.pk: _name_crowd(step, status_of[step.pk]) for step in steps}
    sizes = Counter(crowd_of[step.pk] for step in steps if step.is_alike)
    hidden: set[int] = set()
    groups: dict[tuple[object, ...], list[PlanStep]] = {}
    for step in steps:
        crowd = crowd_of[step.pk]
        if step.parent_id in hidden:
            hidden.add(step.pk)
        elif sizes[crowd] > most_abreast:
            hidden.add(step.pk)
            groups.setdefault(crowd, []).append(step)
        else:
            groups[(step.pk,)] = [step]
    return [
        Group(tuple(group), Counter(status_of[step.pk] if len(group) > 1 else step.status for step in group))
        for group in groups.values()
    ]


def link_groups(groups: Sequence[Group], edges: Sequence[tuple[int, int]], runs: Mapping[int, int]) -> Links:
    """Return which group leads to which, by position: a step to its children, and they to what follows it.

    Args: edges: which step waits for which, by id.  runs: where the child run of a step stands, by the step's id.
    """
    place = {step.pk: position for position, group in enumerate(groups) for step in group.steps}
    parent = {step.pk: step.parent_id for group in groups for step in group.steps}
    beside = [(a, b) for a, b in edges if parent.get(a) is not None and parent.get(a) == parent.get(b)]
    not_first, not_last = {b for _, b in beside}, {a for a, _ in beside}
    last_of: dict[int, set[int]] = defaultdict(set)
    for group in groups:
        if group.first.parent_id is not None and group.first.kind != StepKind.COMPENSATION:
            last_of[group.first.parent_id] |= {step.pk for step in group.steps if step.pk not in not_last}

    @cache
    def find_ends(pk: int) -> frozenset[int]:
        if pk in runs:
            return frozenset({runs[pk]})
        ends = {place[last]: last for last in last_of.get(pk, ())}
        return frozenset().union(*map(find_ends, ends.values())) if ends else frozenset({place[pk]})

    known = [(a, b) for a, b in edges if a in place and b in place]
    links = {(end, place[b]) for a, b in known for end in find_ends(a)}
    links |= {(place[up], place[pk]) for pk, up in parent.items() if up in place and pk not in not_first}
    return frozenset(links | {(place[pk], position) for pk, position in runs.items()})


def _name_crowd(step: PlanStep, status: str) -> tuple[object, ...]:
    return step.parent_id, step.kind, step.is_present, status if status in APART else ""


def _find_worst(steps: Sequence[PlanStep]) -> dict[int, str]:
    """Return each step's status, or that of a step below it that needs a person's eye."""
    worst = {step.pk: step.status for step in steps}
    for step in reversed(steps):
        status = worst[step.pk]
        if step.parent_id in worst and status in APART:
            worst[step.parent_id] = min(status, worst[step.parent_id], key=URGENCY.index)
    return worst
