"""How an agent stands among the workers, ready to show."""

from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.safestring import SafeString

from orchestration.admin.chips import chip
from orchestration.admin.visible import mark_unseen
from orchestration.domain.offering import Standing, StandingState, Told, describe_tool

_MOST_WORKERS: Final = 50
_TONES: Final = {
    StandingState.READY: "succeeded",
    StandingState.READY_ON_SOME: "people",
    StandingState.DIFFERS: "people",
    StandingState.BUILDING: "running",
    StandingState.NOT_BUILT: "failed",
    StandingState.NOT_OFFERED: "skipped",
}


@dataclass(frozen=True, slots=True)
class ToolView:
    """A tool. Attributes: approval: when a person is asked before it is called."""

    name: SafeString
    effects: SafeString
    approval: str


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker that has the agent, or could not build it."""

    name: SafeString
    url: str
    state: SafeString
    version: int
    fault: SafeString


@dataclass(frozen=True, slots=True)
class StandingView:
    """How an agent stands. Attributes: where: on how many workers.  more: so many workers are not shown."""

    chip: SafeString
    where: str
    trouble: SafeString
    differences: tuple[SafeString, ...]
    models: SafeString
    tools: tuple[ToolView, ...]
    more_tools: int
    has_more_tools: bool
    workers: tuple[WorkerView, ...]
    more: int


def view_standing(standing: Standing) -> StandingView:
    """Return an agent's standing ready to show."""
    best, count = standing.best, len(standing.offered_by)
    return StandingView(
        chip=chip(_TONES[standing.state], standing.state.value),
        where=f"on {count} worker{'' if count == 1 else 's'}" if count else "on no worker",
        trouble=mark_unseen(standing.trouble),
        differences=tuple(mark_unseen(each.words) for each in standing.differences),
        models=mark_unseen(", ".join(best.models) if best else ""),
        tools=tuple(
            ToolView(mark_unseen(name), mark_unseen(effects), approval)
            for name, effects, approval in (map(describe_tool, best.tools) if best else ())
        ),
        more_tools=best.tool_count - len(best.tools) if best else 0,
        has_more_tools=bool(best and best.has_more),
        workers=tuple(_view_worker(told) for told in standing.told[:_MOST_WORKERS]),
        more=max(len(standing.told) - _MOST_WORKERS, 0),
    )


def _view_worker(told: Told) -> WorkerView:
    readiness = told.offer.readiness.value
    return WorkerView(
        name=mark_unseen(told.worker),
        url=reverse("admin:orchestration_workerprocess_change", args=(told.worker_id,)),
        state=chip({"ready": "succeeded", "building": "running"}.get(readiness, "failed"), readiness),
        version=told.offer.version,
        fault=mark_unseen(told.offer.fault.words if told.offer.fault else ""),
    )
