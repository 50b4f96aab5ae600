"""An operator's part: runs that failed lately or undo what they did, the workers, the maintainer. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.utils.safestring import SafeString

from orchestration.admin.addresses import run_url
from orchestration.admin.chips import chip, show_age, show_excerpt
from orchestration.domain.states import RunStatus
from orchestration.models import Run, WorkerProcess
from orchestration.selectors.leads import Leadership, find_leadership
from orchestration.selectors.run_details import find_reasons
from orchestration.selectors.scope import Caller, scope_runs
from orchestration.selectors.worker_details import (
    WorkerState,
    count_queued,
    list_missing_queues,
    with_worker_state,
)

_MOST: Final = 6
_LATELY: Final = timedelta(hours=24)
# By the index on status and start; older runs that fail today are found in the list of runs.
_STARTED_WITHIN: Final = timedelta(days=7)
_UNWELL: Final = (WorkerState.BLOCKED, WorkerState.HUNG, WorkerState.LATE)


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in trouble, and why."""

    name: str
    url: str
    status: SafeString
    age: SafeString
    step: str
    why: SafeString


@dataclass(frozen=True, slots=True)
class Work:
    """How agents' work stands.

    Attributes: more: whether more runs are in trouble than are shown.  workers: present processes by how they are.
        unserved: queues on which steps wait and which no present worker serves.
    """

    runs: Sequence[RunLine]
    more: bool
    has_runs: bool
    workers: Sequence[tuple[SafeString, int]]
    unserved: Sequence[str]
    lead: Leadership


def show_work(caller: Caller, now: datetime) -> Work:
    """Return how the work stands that a person may see."""
    mine = scope_runs(caller)
    found = list(_find_troubled(mine, now)[: _MOST + 1])
    reasons = find_reasons(found[:_MOST])
    return Work(
        runs=[_show(run, reasons[run.pk], now) for run in found[:_MOST]],
        more=len(found) > _MOST,
        has_runs=bool(found) or mine.exists(),
        workers=_count_workers(),
        unserved=list_missing_queues(list(count_queued())),
        lead=find_leadership(),
    )


def _find_troubled(runs: QuerySet[Run], now: datetime) -> QuerySet[Run]:
    failed = Q(status=RunStatus.FAILED, created_at__gt=now - _STARTED_WITHIN, finished_at__gt=now - _LATELY)
    at_top = runs.filter(failed | Q(status=RunStatus.COMPENSATING), parent_step__isnull=True)
    return at_top.defer("input_json").order_by("-created_at")


def _show(run: Run, told: Any, now: datetime) -> RunLine:
    return RunLine(
        name=run.workflow_name,
        url=run_url(run.pk),
        status=chip(run.status),
        age=show_age(run.finished_at or run.created_at, now),
        step=told.step,
        why=show_excerpt(told.words),
    )


def _count_workers() -> list[tuple[SafeString, int]]:
    """Return how many present processes are how: the unwell first."""
    present: QuerySet[Any] = with_worker_state(
        WorkerProcess.objects.filter(stopped_at__isnull=True, died=False)
    )
    counts = dict(present.order_by().values_list("state").annotate(Count("id")))
    order = (WorkerState.DEAD, *_UNWELL, WorkerState.ALIVE)
    return [(chip(state.value), counts[state.value]) for state in order if counts.get(state.value)]
