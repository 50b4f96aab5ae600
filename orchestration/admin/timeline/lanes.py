"""The lines of a timeline: each step, or many alike, below the step that grew them. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.admin.picture.folding import PlanNode
from orchestration.admin.picture.growing import Group
from orchestration.admin.timeline.spans import Span, Story, tell_spans
from orchestration.domain.states import StepKind
from orchestration.selectors.plan_rows import PlanStep
from orchestration.selectors.time_spent import TimeSpent

_DEEPEST = 4
_MOST_CHARACTERS = 34


@dataclass(frozen=True, slots=True)
class Lane:
    """One line.

    Attributes: name: the key, or what the keys have in common.  label: the same, short.  depth: steps above it.
        url: where a click leads.  spans: of its step; of all steps of a group, one after another.
        count: steps in it.
    """

    name: str
    label: str
    url: str
    status: str
    depth: int
    spans: Sequence[Span]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Times:
    """What bounds a run's time: its start, and its end or now."""

    start: datetime
    until: datetime


def build_lanes(
    groups: Sequence[Group],
    edges: Sequence[tuple[int, int]],
    spent: TimeSpent,
    times: Times,
    describe: Callable[[Group], PlanNode],
) -> list[Lane]:
    """Return the lines of a run in plan order; steps to which nothing happened yet have none."""
    ready = _find_ready(groups, edges, spent, times)
    keys = {step.pk: step.key for group in groups for step in group.steps}
    lanes = []
    for group, depth in _walk(groups):
        spans = [span for step in group.steps for span in tell_spans(_tell_story(step, spent, ready, times))]
        if spans:
            node, above = describe(group), keys.get(group.first.parent_id or 0, "")
            # A key tells of a verifier only which generation it is of and its number.
            is_verifier = group.first.kind == StepKind.VERIFIER
            label = node.label if is_verifier else node.full_label.removeprefix(above)
            short = _shorten(label, depth)
            lanes.append(Lane(node.full_label, short, node.href, node.status, depth, spans, len(group.steps)))
    return lanes


def _shorten(label: str, depth: int) -> str:
    """Return a label that fits in front of its line."""
    label, most = label.removeprefix("/"), _MOST_CHARACTERS - 2 * depth
    return label if len(label) <= most else f"{label[: most // 2]}…{label[-(most // 2) :]}"


def _walk(groups: Sequence[Group]) -> Iterator[tuple[Group, int]]:
    """Yield groups, those that a step grew right below it."""
    grown: dict[int | None, list[Group]] = defaultdict(list)
    drawn = {step.pk for group in groups for step in group.steps}
    for group in groups:
        parent = group.first.parent_id
        grown[parent if parent in drawn else None].append(group)

    def walk(parent: int | None, depth: int) -> Iterator[tuple[Group, int]]:
        for group in grown.get(parent, ()):
            yield group, min(depth, _DEEPEST)
            for step in group.steps if len(group.steps) == 1 else ():
                yield from walk(step.pk, depth + 1)

    yield from walk(None, 0)


def _tell_story(
    step: PlanStep, spent: TimeSpent, ready: Mapping[int, Sequence[datetime]], times: Times
) -> Story:
    return Story(
        tries=spent.tries.get(step.pk, ()),
        ready=ready.get(step.pk, ()),
        resolved=spent.resolved.get(step.pk, ()),
        status=step.status,
        until=step.finished_at or times.until,
    )


def _find_ready(
    groups: Sequence[Group], edges: Sequence[tuple[int, int]], spent: TimeSpent, times: Times
) -> dict[int, list[datetime]]:
    """Return for each step the moments at which something it waits for was done; the run's start for the first."""
    steps = {step.pk: step for group in groups for step in group.steps}
    ends = {pk: _list_ends(step, spent) for pk, step in steps.items()}
    ready: dict[int, list[datetime]] = defaultdict(list)
    for before, after in edges:
        ready[after] += ends.get(before, ())
    for pk, step in steps.items():
        if step.parent_id is not None:
            ready[pk] += ends.get(step.parent_id, ())
        elif pk not in ready:
            ready[pk] = [times.start]
    return ready


def _list_ends(step: PlanStep, spent: TimeSpent) -> list[datetime]:
    ends = [tried.finished_at for tried in spent.tries.get(step.pk, ()) if tried.finished_at]
    return [*ends, *([step.finished_at] if step.finished_at else [])]
