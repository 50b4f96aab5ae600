"""Filters of the list of runs. Each narrows by an index; none asks the whole table what there is."""

from datetime import timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from orchestration.admin.access import caller_of
from orchestration.admin.words import STATE_WORDS
from orchestration.models import Run
from orchestration.selectors.progress import STATES, narrow_to_state
from orchestration.selectors.scope import scope_workflows

_SPANS = {
    "hour": ("Last hour", timedelta(hours=1)),
    "day": ("Last 24 hours", timedelta(days=1)),
    "week": ("Last 7 days", timedelta(days=7)),
    "month": ("Last 30 days", timedelta(days=30)),
}


class StateFilter(SimpleListFilter):
    """By state, the derived one included."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states a run can be in."""
        return [(state, STATE_WORDS[state].capitalize()) for state in STATES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        """Narrow the list."""
        state = self.value()
        return narrow_to_state(queryset, state) if state in STATES else queryset


class WorkflowFilter(SimpleListFilter):
    """By workflow, all its versions."""

    title = "workflow"
    parameter_name = "workflow"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the published names."""
        workflows = scope_workflows(caller_of(request))
        names = workflows.order_by("name").values_list("name", flat=True).distinct()
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        """Narrow the list."""
        name = self.value()
        # A name that PostgreSQL can't even hold (NUL) is just no workflow's.
        return queryset.filter(workflow_name=name.replace("\x00", " ")) if name else queryset


class StartedFilter(SimpleListFilter):
    """By when the run was started."""

    title = "started"
    parameter_name = "started"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the spans."""
        return [(name, words) for name, (words, _) in _SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        """Narrow the list."""
        span = _SPANS.get(self.value() or "")
        return queryset.filter(created_at__gte=Now() - span[1]) if span else queryset
