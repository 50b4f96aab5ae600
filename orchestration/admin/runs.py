"""The list of runs, and the way to a run's and a step's page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration.admin.access import ReadOnlyAdmin, caller_of
from orchestration.admin.addresses import read_run_prefix, read_task_id, run_url, step_url, workflow_url
from orchestration.admin.chips import show_age, show_excerpt, show_progress, state_chip, tone_of
from orchestration.admin.order_page import build_order_page, say_obeyed
from orchestration.admin.orders import ORDERS, give_order
from orchestration.admin.rows_lists import AddingList
from orchestration.admin.run_filters import StartedFilter, StateFilter, WorkflowFilter
from orchestration.admin.run_page import build_run_page
from orchestration.admin.step_page import build_step_page
from orchestration.admin.trace_page import build_trace_page, export_trace
from orchestration.admin.words import STATE_WORDS, count_done, describe_duration
from orchestration.domain.http_status import STATUS_OF
from orchestration.domain.rights import Right
from orchestration.errors import OrchestrationError
from orchestration.models import Run, Step
from orchestration.selectors.leads import find_leadership
from orchestration.selectors.progress import STATES, with_state
from orchestration.selectors.run_details import (
    count_steps,
    find_reasons,
    find_states,
    find_step_of_task,
)
from orchestration.selectors.scope import may, scope_runs


@dataclass(frozen=True, slots=True)
class StateChoice:
    """A way to the runs in one state, other filters kept."""

    tone: str
    words: str
    url: str
    is_shown: bool


class RunList(AddingList):
    """Adds to the runs of one page how far their plans are and what ails them: three queries in all."""

    def add(self, request: HttpRequest, rows: list[Any]) -> None:
        """Ask for their progress; offer the states to choose from."""
        ids = [run.pk for run in rows]
        states, counts, reasons = find_states(ids), count_steps(ids), find_reasons(rows)
        for run in rows:
            run.state, run.step_counts, run.told = states[run.pk], counts[run.pk], reasons[run.pk]
        self.state_choices = [self._choose("", "all"), *(self._choose(s, STATE_WORDS[s]) for s in STATES)]

    def _choose(self, state: str, words: str) -> StateChoice:
        url = self.get_query_string({"status": state} if state else None, ["p", "status"])
        return StateChoice(tone_of(state), words, url, is_shown=self.params.get("status", "") == state)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin[Run]):
    """Runs, the newest first."""

    empty_words: ClassVar[str] = (
        "No run was started in your projects. Start one with POST /api/v1/runs or `manage.py start_run`; "
        "what can be started is under Workflows."
    )
    list_display = ("short_id", "state_shown", "workflow_shown", "progress", "age", "duration", "key", "why")
    list_display_links = ("short_id",)
    list_filter = (StateFilter, WorkflowFilter, StartedFilter)
    list_select_related = ("workflow",)
    list_before_template = "admin/orchestration/run/states.html"
    search_fields = ("id",)
    search_help_text = "Run id, idempotency key or task id"
    ordering = ("-created_at",)
    sortable_by = ("age",)
    form_templates = frozenset({"run/order.html"})

    class Media:
        js = (Script("orchestration/live.js", defer=True), Script("orchestration/speech.js", defer=True))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows progress."""
        return RunList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Add the time of reading."""
        rows = super().get_queryset(request).defer("input_json", "workflow__spec_json")
        return rows.annotate(read_at=Now())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        """Find by the beginning of an id or of an idempotency key, or by a task id."""
        term = search_term.strip()
        task = read_task_id(term)
        if not term:
            return queryset, False
        if task is not None:
            return queryset.filter(pk=task.run_id), False
        span = read_run_prefix(term)
        by_id = Q(pk__range=span) if span else Q()
        return queryset.filter(by_id | Q(idempotency_key__startswith=term)), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; lead a pasted task id straight to its step."""
        self.require_view(request)
        task = read_task_id(request.GET.get("q", ""))
        is_theirs = task is not None and scope_runs(caller_of(request)).filter(pk=task.run_id).exists()
        key = find_step_of_task(task.run_id, task.step_id) if task and is_theirs else None
        if task and key:
            return redirect(step_url(task.run_id, key))
        more = {**(extra_context or {}), "no_maintainer": find_leadership().trouble}
        return super().changelist_view(request, more)

    def get_urls(self) -> list[URLPattern]:
        """Add the page of a step, those that ask before an order is given, and those of the trace."""
        step = self.admin_site.admin_view(self.step_view)
        order = self.admin_site.admin_view(self.order_view)
        return [
            path("<uuid:run_id>/steps/<path:key>/", step, name="orchestration_run_step"),
            path("<uuid:run_id>/order/<slug:verb>/", order, name="orchestration_run_order"),
            path("trace/", self.admin_site.admin_view(self.trace_view), name="orchestration_trace"),
            path(
                "trace/<slug:form>/",
                self.admin_site.admin_view(self.trace_export),
                name="orchestration_trace_export",
            ),
            *super().get_urls(),
        ]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one run; with `?part=live` only what changes on its page."""
        run = self._find_run(request, _read_id(object_id))
        context = build_run_page(request, run)
        if request.GET.get("part") == "live":
            return render(request, "admin/orchestration/run/parts.html", context)
        return self.render_page(request, "run/page.html", context, status=_find_status(context["section"]))

    def step_view(self, request: HttpRequest, run_id: UUID, key: str) -> HttpResponse:
        """Show one step of a run."""
        self.require_view(request)
        run = self._find_run(request, run_id)
        steps = Step.objects.select_related("parent")
        step = steps.filter(run=run_id, key=key).first() if key.isprintable() else None
        if step is None:
            raise Http404(f"There is no step {key} in run {run_id}.")
        context = build_step_page(request, run, step)
        return self.render_page(request, "run/step.html", context, status=_find_status(context))

    def trace_view(self, request: HttpRequest) -> HttpResponse:
        """Show what happened to a run, to an actor, about a key, or in a project."""
        self.require_view(request)
        return self.render_page(request, "trace/page.html", build_trace_page(request))

    def trace_export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """Send the same as a file."""
        self.require_view(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        return export_trace(request, form)

    def order_view(self, request: HttpRequest, run_id: UUID, verb: str) -> HttpResponse:
        """Ask whether to give an order; a POST gives it."""
        self.require_view(request)
        run, order = self._find_run(request, run_id), ORDERS.get(verb)
        if order is None:
            raise Http404(f"Nobody can order a run to {verb}.")
        if not may(caller_of(request), run.project, Right.RUN):
            raise PermissionDenied
        fault = None
        if request.method == "POST":
            try:
                obeyed = give_order(request, run, order)
            except OrchestrationError as error:
                fault, run = error, self._find_run(request, run_id)
            else:
                messages.success(request, say_obeyed(run, obeyed, order))
                return redirect(run_url(obeyed.pk))
        context = build_order_page(request, run, order, fault)
        status = STATUS_OF[fault.code] if fault else 200
        return self.render_page(request, "run/order.html", context, status=status)

    def _find_run(self, request: HttpRequest, run_id: UUID) -> Any:
        """Return a run that the viewer may see, with its `state`.

        Raises: Http404.
        """
        runs = scope_runs(caller_of(request)).select_related("workflow", "project", "requested_by", "actor")
        found = with_state(runs).filter(pk=run_id).first()
        if found is None:
            raise Http404(f"There is no run {run_id}.")
        return found

    @admin.display(description="Run")
    def short_id(self, run: Run) -> SafeString:
        """Return the id's beginning, as long as a person can compare."""
        return format_html('<span class="rm-mono" title="{}">{}</span>', run.pk, str(run.pk)[:8])

    @admin.display(description="Status")
    def state_shown(self, run: Any) -> SafeString:
        """Return the state as a coloured label that leads to the run."""
        return format_html('<a href="{}">{}</a>', run_url(run.pk), state_chip(run.state))

    @admin.display(description="Workflow")
    def workflow_shown(self, run: Run) -> SafeString:
        """Return the workflow and the version the run is pinned to."""
        url = workflow_url(run.workflow_id)
        version = f"v{run.workflow.version}"
        return format_html(
            '<a class="rm-name" href="{}">{} <span class="rm-quiet">{}</span></a>',
            url,
            run.workflow_name,
            version,
        )

    @admin.display(description="Steps done")
    def progress(self, run: Any) -> SafeString:
        """Return how much of the plan is done."""
        return show_progress(*count_done(run.step_counts))

    @admin.display(description="Age", ordering="created_at")
    def age(self, run: Any) -> SafeString:
        """Return how long ago it was started."""
        return show_age(run.created_at, run.read_at)

    @admin.display(description="Took")
    def duration(self, run: Any) -> SafeString:
        """Return how long it took; a dash while it goes on."""
        took = describe_duration(run.finished_at - run.created_at) if run.finished_at else "-"
        return format_html('<span class="rm-nowrap">{}</span>', took)

    @admin.display(description="Key")
    def key(self, run: Run) -> str:
        """Return the idempotency key."""
        return run.idempotency_key or "-"

    @admin.display(description="Reason")
    def why(self, run: Any) -> SafeString:
        """Return why it failed or was cancelled, or what its first held or failed step says."""
        words = show_excerpt(run.told.words)
        if not run.told.step:
            return words
        return format_html('<span class="rm-reason"><b>{}</b>: {}</span>', run.told.step, words)


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404(f"'{text}' is no run's id.") from None


def _find_status(shown: Mapping[str, Any]) -> int:
    """Return 503 where something is left out only because the audit can't be told that somebody looks."""
    return 503 if shown.get("is_untold") else 200
