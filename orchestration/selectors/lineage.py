"""What happened, in one order: to a run, to an actor, about a key, or in a project between two times.

History, decisions, hand-offs, calls, waits, mail, memory and tickets stand in one view. Every question names rows that
an index knows before the view is asked: runs, memories, messages, or a span of time. Who may ask is for the caller of
this. In words: `lineage_words.py`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from orchestration.database.statements import fetch_all
from orchestration.domain.mail import GIVEN
from orchestration.models import (
    Actor,
    Delivery,
    Handoff,
    LineageKind,
    LineageLine,
    Memory,
    Message,
    Project,
    Run,
    Step,
    Workflow,
)
from orchestration.selectors.kin import walk_down

MOST_TURNS: Final = 2_000
"""Of an actor, the latest; a time range finds those before."""
MOST_ABOUT: Final = 2_000
"""Versions of one memory, looks and hand-offs that had it, and messages and runs under one key: of each the latest."""
ORDER: Final = ("at", "place", "row", "pk")
"""Of one moment, what leads to the rest comes first; of the rest the one whose row was made first; then by its name."""
_TOGETHER: Final = 2_000


class MemoryName(NamedTuple):
    """A key under which something is remembered. `scope_id`: the agent, the run or the actor; "" for the project."""

    project_id: int
    scope: str
    scope_id: str
    key: str


class GivenKey(NamedTuple):
    """A key that whoever started runs or sent messages gave, so that once more is the same."""

    project_id: int
    key: str


Subject: TypeAlias = Run | Actor | MemoryName | GivenKey | Project


@dataclass(frozen=True, slots=True)
class LineageQuery:
    """Which lines somebody wants.

    Attributes: of: a run; an actor, which is its turns and its mailbox; a key; or a project, then between two times.
        below: those of all runs below these, too.  step: a step's key.  agent: of the step's agent.
        since: from then on.  until: before then.  text: what name or data hold, in small or capital letters.
    """

    of: Subject
    below: bool = False
    step: str = ""
    agent: str = ""
    kinds: Collection[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


@dataclass(slots=True)
class _Found:
    """Which rows a question is about. `rows`: kind -> ids in the table of that kind.  `is_cut`: there are more."""

    where: Q = field(default_factory=lambda: Q(pk__in=[]))
    is_cut: bool = False

    def add_runs(self, runs: Collection[UUID]) -> None:
        """Add all lines of runs."""
        if runs:
            self.where |= Q(run__in=list(runs))

    def add_rows(self, kind: LineageKind, rows: Collection[int]) -> None:
        """Add lines of a kind by the ids of their rows."""
        if rows:
            self.where |= Q(kind=kind, row__in=list(rows))


class Lineage(NamedTuple):
    """Lines, the oldest first, without their steps. `is_cut`: of a very long past the latest part: give times."""

    lines: QuerySet[LineageLine]
    is_cut: bool


def find_lineage(asked: LineageQuery) -> Lineage:
    """Return the lines that were asked for, and whether the past is longer than what was looked at."""
    found = _find(asked)
    lines = LineageLine.objects.filter(found.where)
    if asked.step:
        lines = lines.filter(step__key=_storable(asked.step))
    if asked.agent:
        lines = lines.filter(step__agent=_storable(asked.agent))
    if asked.kinds:
        lines = lines.filter(kind__in=asked.kinds)
    if asked.since:
        lines = lines.filter(at__gte=asked.since)
    if asked.until:
        lines = lines.filter(at__lt=asked.until)
    if asked.text:
        lines = lines.filter(holds(asked.text))
    return Lineage(lines.order_by(*ORDER), found.is_cut)


def list_lineage(asked: LineageQuery) -> QuerySet[LineageLine]:
    """Return the lines that were asked for, the oldest first, with their steps."""
    return with_steps(find_lineage(asked).lines)


def with_steps(lines: QuerySet[LineageLine]) -> QuerySet[LineageLine]:
    """Load, once the lines are known, the keys of their steps."""
    return lines.prefetch_related(Prefetch("step", Step.objects.only("key", "run")))


def stream_lineage(lines: QuerySet[LineageLine]) -> Iterator[LineageLine]:
    """Yield lines with their steps, however many: some thousand are held at a time."""
    return with_steps(lines).iterator(chunk_size=_TOGETHER)


def holds(text: str) -> Q:
    """Return which lines hold a text in their name or data."""
    return Q(name__icontains=_storable(text)) | Q(data_json__icontains=_storable(text))


def _storable(text: str) -> str:
    """Return a text as PostgreSQL can hold one; nothing that happened has a NUL in it."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _find(asked: LineageQuery) -> _Found:
    found = _Found()
    match asked.of:
        case Run() as run:
            found.add_runs(list(walk_down(run.pk)) if asked.below else [run.pk])
        case Actor() as actor:
            _find_turns(found, actor, asked)
        case MemoryName() as name:
            _find_memory(found, name, asked)
        case GivenKey() as key:
            _find_given(found, key, asked)
        case Project() as project:
            found.where = Q(run__project=project.pk) | Q(project=project.pk, run__isnull=True)
    return found


def _find_turns(found: _Found, actor: Actor, asked: LineageQuery) -> None:
    turns = Run.objects.filter(actor=actor.pk)
    if asked.since:
        turns = turns.exclude(finished_at__lt=asked.since)
    if asked.until:
        turns = turns.filter(created_at__lt=asked.until)
    ids = list(turns.order_by("-created_at").values_list("pk", flat=True)[: MOST_TURNS + 1])
    found.is_cut = len(ids) > MOST_TURNS
    _add_trees(found, ids[:MOST_TURNS], asked)
    found.where |= Q(actor=actor.pk)


def _add_trees(found: _Found, ids: list[UUID], asked: LineageQuery) -> None:
    below = Run.objects.filter(root_id__in=ids, depth__gt=0) if asked.below else Run.objects.none()
    found.add_runs([*ids, *below.values_list("pk", flat=True)])


# Of all looks those that named one of these versions in their answers.
_LOOKS: Final = """
SELECT t.id FROM orchestration_call c JOIN orchestration_calltry t ON t.call_id = c.id
WHERE c.kind = 'memory' AND c.state = 'done' AND c.name <> 'pin'
  AND c.response_json::jsonb @> ANY(%(found)s::jsonb[])
  AND (%(since)s::timestamptz IS NULL OR t.begun_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR t.begun_at < %(until)s)
ORDER BY t.id DESC LIMIT %(most)s
"""


def _find_memory(found: _Found, name: MemoryName, asked: LineageQuery) -> None:
    """Find the versions of a key, whoever wrote them, and the looks and hand-offs that had one of them."""
    versions = Memory.objects.filter(
        project=name.project_id,
        scope=_storable(name.scope),
        scope_id=_storable(name.scope_id),
        key=_storable(name.key),
    )
    if asked.until:
        versions = versions.filter(valid_from__lt=asked.until)
    ids = list(versions.order_by("-version").values_list("pk", flat=True)[: MOST_ABOUT + 1])
    about: dict[str, Any] = {"since": asked.since, "until": asked.until, "most": MOST_ABOUT + 1}
    looks = fetch_all(_LOOKS, about | {"found": [f"[[{pk}]]" for pk in ids[:MOST_ABOUT]]}) if ids else []
    handed = _list_handed(ids[:MOST_ABOUT], asked)
    found.is_cut = any(len(rows) > MOST_ABOUT for rows in (ids, looks, handed))
    found.add_rows(LineageKind.MEMORY, ids[:MOST_ABOUT])
    found.add_rows(LineageKind.HANDOFF, handed[:MOST_ABOUT])
    found.add_rows(LineageKind.LOOK, [row.id for row in looks[:MOST_ABOUT]])


def _list_handed(versions: list[int], asked: LineageQuery) -> list[int]:
    handed = Handoff.objects.filter(memory__in=versions)
    if asked.since:
        handed = handed.filter(handed_at__gte=asked.since)
    if asked.until:
        handed = handed.filter(handed_at__lt=asked.until)
    return list(handed.order_by("-pk").values_list("pk", flat=True)[: MOST_ABOUT + 1])


def _find_given(found: _Found, given: GivenKey, asked: LineageQuery) -> None:
    """Find the runs that were started and the messages that were sent under a key, and the turns that got these."""
    key = _storable(given.key)
    # The names of workflows are few, and with them the constraint on the three is an index of what is asked.
    names = Workflow.objects.filter(project=given.project_id).order_by().values_list("name", flat=True)
    started = Run.objects.filter(
        project=given.project_id, workflow_name__in=set(names.distinct()), idempotency_key=key
    )
    mail = list(
        Message.objects.filter(project=given.project_id, key=f"{GIVEN}{key}")
        .order_by("-pk")
        .values_list("pk", flat=True)[: MOST_ABOUT + 1]
    )
    got = list(
        Delivery.objects.filter(message__in=mail[:MOST_ABOUT])
        .order_by("-pk")
        .values_list("pk", "run")[: MOST_ABOUT + 1]
    )
    turns = dict.fromkeys(run for _, run in got[:MOST_ABOUT])
    runs = list(started.order_by("-created_at").values_list("pk", flat=True)[: MOST_ABOUT + 1])
    found.is_cut = any(len(rows) > MOST_ABOUT for rows in (mail, got, runs))
    _add_trees(found, [*runs[:MOST_ABOUT], *filter(None, turns)], asked)
    found.add_rows(LineageKind.MESSAGE, mail[:MOST_ABOUT])
    found.add_rows(LineageKind.DELIVERY, [pk for pk, _ in got[:MOST_ABOUT]])
