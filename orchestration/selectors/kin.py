"""How runs belong together: which step started a run, what runs stand below it, and what was forked from what."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from orchestration.models import Run

MOST_BELOW = 5_000
MOST_FORKS = 10


@dataclass(frozen=True, slots=True)
class RunName:
    """What a link to a run needs. `step`: the key of the step it belongs to, of its parent or of a fork's origin."""

    pk: UUID
    workflow_name: str
    step: str = ""

    def __str__(self) -> str:
        """Return the workflow's name and the id's first part."""
        return f"{self.workflow_name} {str(self.pk)[:8]}"


@dataclass(frozen=True, slots=True)
class Kin:
    """The runs next to a run. `root`: the top of its tree, if that is not the parent already."""

    parent: RunName | None
    root: RunName | None
    origin: RunName | None
    forks: Sequence[RunName]


def find_kin(run: Run) -> Kin:
    """Return the runs that a run came from or that came from it, but not its child runs."""
    parent = _name(Run.objects.filter(steps=run.parent_step_id), "steps__key") if run.parent_step_id else None
    has_root = parent is not None and run.root_id != parent.pk
    root = _name(Run.objects.filter(pk=run.root_id)) if has_root else None
    origin = _name(Run.objects.filter(pk=run.forked_from_id)) if run.forked_from_id else None
    forks = Run.objects.filter(forked_from=run.pk).order_by("created_at")[:MOST_FORKS]
    names = [RunName(*row) for row in forks.values_list("pk", "workflow_name", "forked_from_step")]
    return Kin(parent, root, origin, names)


def list_child_runs(run_id: UUID) -> QuerySet[Run]:
    """Return the runs that steps of a run wait for, or waited for, in the order in which they were started."""
    runs = Run.objects.filter(parent_step__run=run_id).select_related("parent_step").defer("input_json")
    large = ("parent_step__output_json", "parent_step__proposed_json", "parent_step__item_json")
    return runs.defer("input_json", *large).order_by("created_at", "pk")


def walk_down(top_id: UUID) -> Iterator[UUID]:
    """Yield a run's id, then those of all runs below it, level by level, as they were started."""
    level = [top_id]
    while level:
        yield from level
        below = Run.objects.filter(parent_step__run__in=level).order_by("created_at", "pk")
        level = list(below.values_list("pk", flat=True))


def find_below(run: Run) -> dict[UUID, RunName]:
    """Return the runs below a run, of all levels, that have not succeeded."""
    tree = Run.objects.filter(root_id=run.root_id, depth__gt=run.depth).order_by("depth")
    rows = tree.values_list("pk", "workflow_name", "status", "parent_step__run_id")[:MOST_BELOW]
    children = defaultdict(list)
    for pk, workflow_name, status, parent_id in rows:
        children[parent_id].append((RunName(pk, workflow_name), status))
    below: dict[UUID, RunName] = {}
    waiting = [run.pk]
    while waiting:
        for name, status in children.pop(waiting.pop(), ()):
            waiting.append(name.pk)
            if status != "succeeded":
                below[name.pk] = name
    return below


def _name(runs: QuerySet[Run], *columns: str) -> RunName | None:
    row = runs.values_list("pk", "workflow_name", *columns).first()
    return None if row is None else RunName(*row)
