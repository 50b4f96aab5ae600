"""The list of workflows, and a version's page: its steps as a picture, a table, and as published."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration.admin.access import ReadOnlyAdmin, caller_of, find_by_number
from orchestration.admin.addresses import workflow_url
from orchestration.admin.chips import show_age
from orchestration.admin.plans import draw_workflow
from orchestration.admin.rows_lists import AddingList
from orchestration.admin.visible import show_json
from orchestration.domain.spec import StepSpec, load_spec, order_steps
from orchestration.errors import SpecInvalid
from orchestration.models import Workflow
from orchestration.selectors.scope import scope_workflows
from orchestration.selectors.workflow_details import MOST_COUNTED, count_runs, latest_versions, list_versions

_MOST_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of a spec in the table of steps; `rules` says what differs from the defaults."""

    spec: StepSpec
    rules: list[str]


class WorkflowList(AddingList):
    """Adds to the workflows of one page how many runs they have: one query."""

    def add(self, request: HttpRequest, rows: list[Any]) -> None:
        """Count the runs."""
        counts = count_runs(rows)
        for workflow in rows:
            workflow.run_count = counts[workflow.pk]


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin[Workflow]):
    """Workflows by name, each with its latest version."""

    empty_words: ClassVar[str] = (
        "No workflow is published in your projects. `manage.py publish_workflows` publishes those in code, "
        "POST /api/v1/workflows any other."
    )
    list_display = ("name", "latest", "published", "runs", "sla_shown")
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("name", "project")
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows how many runs there are."""
        return WorkflowList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        """Return the latest versions, without their specs."""
        rows = latest_versions(super().get_queryset(request)).defer("spec_json")
        return rows.annotate(read_at=Now())

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one version."""
        found = find_by_number(scope_workflows(caller_of(request)), object_id, "workflow version")
        return self.render_page(request, "workflow/page.html", _build_page(request, found))

    @admin.display(description="Version")
    def latest(self, workflow: Workflow) -> str:
        """Return the latest version."""
        return f"v{workflow.version}"

    @admin.display(description="Published")
    def published(self, workflow: Any) -> SafeString:
        """Return how long ago the version was published."""
        return format_html("{} ago", show_age(workflow.published_at, workflow.read_at))

    @admin.display(description="SLA")
    def sla_shown(self, workflow: Workflow) -> str:
        """Return the class of its tickets' clocks."""
        return workflow.sla

    @admin.display(description="Runs")
    def runs(self, workflow: Any) -> SafeString:
        """Return how many runs there are of all versions, with a way to them."""
        count = workflow.run_count
        words = f"{MOST_COUNTED:,}+" if count > MOST_COUNTED else f"{count:,}"
        return format_html('<a class="rm-nowrap" href="{}">{}</a>', _runs_url(workflow), words)


def _runs_url(workflow: Workflow) -> str:
    return f"{reverse('admin:orchestration_run_changelist')}?workflow={workflow.name}"


def _build_page(request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
    raw = show_json(workflow.spec_json)
    versions = [(row, workflow_url(row.pk)) for row in list_versions(workflow)[:_MOST_VERSIONS]]
    context = {
        "title": str(workflow),
        "workflow": workflow,
        "runs_url": _runs_url(workflow),
        "versions": versions,
        "raw": raw,
    }
    try:
        spec = load_spec(json.loads(workflow.spec_json))
    except SpecInvalid as error:
        # An older release may have published what this one can't read; the page still shows the text.
        return {**context, "spec": None, "fault": str(error)}
    steps = [StepRow(step, _say_rules(step)) for step in order_steps(spec.steps)]
    picture = draw_workflow(spec, unfold=request.GET.get("unfold") == "1")
    return {**context, "spec": spec, "steps": steps, "picture": picture}


def _say_rules(step: StepSpec) -> list[str]:
    rules = {
        f"when {step.when}": step.when is not None,
        "not critical": not step.critical,
        f"min. confidence {step.min_confidence}": step.min_confidence is not None,
        f"at most {step.retry.max_attempts} attempts": step.retry.max_attempts != 3,
        f"timeout {step.timeout_seconds} s": step.timeout_seconds is not None,
        "aborts the run on failure": step.on_failure == "abort",
        f"optional: {', '.join(step.optional)}": bool(step.optional),
    }
    return [rule for rule, holds in rules.items() if holds]
