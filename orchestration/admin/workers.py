"""The list of worker processes, and a process's page: is it alive, what does it do, what did it do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents.domain.offers import Offers, read_offers
from orchestration.admin.access import ReadOnlyAdmin, caller_of, find_by_number
from orchestration.admin.addresses import flower_worker_url, run_url, step_url
from orchestration.admin.attempt_view import AttemptView, view_attempt
from orchestration.admin.chips import chip, show_age
from orchestration.admin.paging import turn_page
from orchestration.admin.visible import mark_unseen
from orchestration.admin.words import describe_duration
from orchestration.conf import get_conf
from orchestration.models import Step, WorkerProcess
from orchestration.selectors.leads import find_leadership
from orchestration.selectors.offers import with_told
from orchestration.selectors.scope import scope_rows
from orchestration.selectors.worker_details import (
    WorkerState,
    count_queued,
    list_in_flight,
    list_missing_queues,
    list_process_attempts,
    with_worker_state,
)

_MOST_IN_FLIGHT = 300
_ATTEMPTS_PER_PAGE = 25
_MOST_AGENTS = 4


class PresenceFilter(SimpleListFilter):
    """Those that are there, unless asked otherwise: every restart leaves a row behind."""

    title = "presence"
    parameter_name = "presence"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the other choices."""
        return [("died", "Died"), ("stopped", "Stopped in order"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """Call the first choice by what it shows."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "Present"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[WorkerProcess]) -> QuerySet[WorkerProcess]:
        """Narrow the list."""
        match self.value():
            case "died":
                return queryset.filter(died=True)
            case "stopped":
                return queryset.filter(stopped_at__isnull=False, died=False)
            case "all":
                return queryset
            case _:
                return queryset.filter(stopped_at__isnull=True)


@dataclass(frozen=True, slots=True)
class FlightLine:
    """A step in flight."""

    row: Step
    run_url: str
    step_url: str
    since: str
    is_late: bool


@admin.register(WorkerProcess)
class WorkerProcessAdmin(ReadOnlyAdmin[WorkerProcess]):
    """Worker processes by name."""

    empty_words: ClassVar[str] = (
        "No worker has registered. One appears when `celery -A config worker` starts against this database; "
        "until then nothing is worked off."
    )
    # A worker serves all projects; what it does for others is not shown.
    project = ""
    list_display = ("name", "state_shown", "beat", "load", "queues_shown", "agents_shown", "up", "where")
    list_filter = (PresenceFilter,)
    search_fields = ("name", "host")
    search_help_text = "Name or host"
    ordering = ("name", "-id")
    sortable_by = ()
    list_before_template = "admin/orchestration/worker/queues.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkerProcess]:
        """Add the derived state, the time of reading, and what each tells of its agents."""
        return with_told(with_worker_state(super().get_queryset(request)))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list below what waits on the queues."""
        queued = count_queued()
        waiting = {
            "queued": queued,
            "unserved_queues": list_missing_queues(list(queued)),
            "no_maintainer": find_leadership().trouble,
        }
        return super().changelist_view(request, {**(extra_context or {}), **waiting})

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one process."""
        process = find_by_number(self.get_queryset(request), object_id, "worker process")
        return self.render_page(request, "worker/page.html", _build_page(request, process))

    @admin.display(description="State")
    def state_shown(self, process: Any) -> SafeString:
        """Return whether it lives, as a coloured label."""
        return chip(process.state)

    @admin.display(description="Last beat")
    def beat(self, process: Any) -> SafeString:
        """Return how long ago it was heard of."""
        return format_html("{} ago", show_age(process.beat_at, process.read_at))

    @admin.display(description="Busy")
    def load(self, process: WorkerProcess) -> SafeString:
        """Return steps in flight at the last beat, of how many it takes, and the threads that hang."""
        return format_html(
            '<span class="rm-nowrap"><progress class="rm-bar" max="{}" value="{}"></progress>{}/{}{}</span>',
            process.concurrency,
            process.busy,
            process.busy,
            process.concurrency,
            f", {process.hung} hung" if process.hung else "",
        )

    @admin.display(description="Queues")
    def queues_shown(self, process: WorkerProcess) -> str:
        """Return the queues it reads."""
        return ", ".join(process.queues)

    @admin.display(description="Agents")
    def agents_shown(self, process: WorkerProcess) -> SafeString:
        """Return some agents it has; all on hovering."""
        agents = _list_agents(process)
        shown, rest = agents[:_MOST_AGENTS], len(agents) - _MOST_AGENTS
        more = f" and {rest} more" if rest > 0 else ""
        names = format_html_join(", ", "{}", ((name,) for name in shown)) or SafeString("-")
        return format_html('<span title="{}">{}{}</span>', ", ".join(agents), names, more)

    @admin.display(description="Up")
    def up(self, process: Any) -> SafeString:
        """Return how long it has been, or was, at work."""
        return show_age(process.started_at, process.stopped_at or process.read_at)

    @admin.display(description="Host, pid")
    def where(self, process: WorkerProcess) -> SafeString:
        """Return where it runs."""
        return format_html('<span class="rm-nowrap">{}, {}</span>', process.host or "-", process.pid)


def _list_agents(process: WorkerProcess) -> list[str]:
    """Return the agents that somebody wrote; steps of the engine's own have none."""
    return [agent for agent in process.agents if agent]


def _build_page(request: HttpRequest, process: Any) -> dict[str, Any]:
    caller = caller_of(request)
    attempts = scope_rows(caller, list_process_attempts(process.pk), "step__run__project")
    page = turn_page(request, attempts, _ATTEMPTS_PER_PAGE)
    offers = read_offers(process.told_json)
    flights = list(scope_rows(caller, list_in_flight(process.pk), "run__project")[:_MOST_IN_FLIGHT])
    return {
        "title": process.name,
        "process": process,
        "agents": _list_agents(process),
        "unbuilt": _list_unbuilt(offers),
        "untold": ""
        if offers.is_readable
        else "What it tells of its agents can't be read: look at its release.",
        "state": chip(process.state),
        "sentence": _describe(process),
        "up": describe_duration((process.stopped_at or process.read_at) - process.started_at),
        "flower_url": flower_worker_url(process.name),
        "flights": [_view_flight(step, process.read_at) for step in flights],
        "page": page,
        "attempts": [_view_past(attempt) for attempt in page.rows],
    }


def _list_unbuilt(offers: Offers) -> list[dict[str, SafeString]]:
    """Return the agents that a worker could not build, and why."""
    return [
        {"agent": mark_unseen(offer.name), "words": mark_unseen(offer.fault.words.rstrip("."))}
        for offer in offers.agents
        if offer.fault is not None
    ]


def _view_flight(step: Step, now: datetime) -> FlightLine:
    return FlightLine(
        row=step,
        run_url=run_url(step.run_id),
        step_url=step_url(step.run_id, step.key),
        since=describe_duration(now - step.claimed_at) if step.claimed_at else "",
        is_late=step.deadline_at is not None and step.deadline_at < now,
    )


def _view_past(attempt: Any) -> AttemptView:
    return view_attempt(attempt, attempt.step.key)


def _describe(process: Any) -> str:
    silent = describe_duration(process.read_at - process.beat_at)
    lease = get_conf().LEASE_SECONDS
    match WorkerState(process.state):
        case WorkerState.ALIVE:
            return f"Alive: last beat {silent} ago."
        case WorkerState.BLOCKED:
            lasts = describe_duration(process.read_at - process.blocked_at)
            by = f"step {process.blocked_by}" if process.blocked_by else "something"
            return (
                f"Blocked: it lives, but {by} has held its interpreter for {lasts}, and nothing else there can go on. "
                "Each step is freed past its own deadline; the one at fault goes on in `isolated`."
            )
        case WorkerState.HUNG:
            return (
                f"Alive: last beat {silent} ago. {process.hung} of its threads hang in steps that were freed long ago; "
                "others took their places. When no more can be replaced it ends, to be started again."
            )
        case WorkerState.LATE:
            return (
                f"Late: last beat {silent} ago; after {lease:g} s it counts as dead and its steps are freed."
            )
        case WorkerState.DEAD:
            return f"Dead: last beat {silent} ago. Its steps are freed and run again elsewhere."
        case WorkerState.STOPPED:
            return f"Stopped in order {describe_duration(process.read_at - process.stopped_at)} ago."
