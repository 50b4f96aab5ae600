"""What lists can be narrowed by."""

from typing import Any

from django import forms
from django_filters import rest_framework as filters

from agents.domain.canonical import EXACT_INTEGER_LIMIT
from orchestration.domain.states import DecisionKind, RunStatus, StepKind, StepStatus


class _Id(filters.Filter):
    """The number of a row."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **how: Any) -> None:
        """Bound the number."""
        super().__init__(*args, min_value=0, max_value=EXACT_INTEGER_LIMIT - 1, **how)


def _text(field: str | None = None, length: int = 300) -> filters.CharFilter:
    return filters.CharFilter(field_name=field, max_length=length, strip=False)


def _word(words: Any, field: str | None = None) -> filters.ChoiceFilter:
    return filters.ChoiceFilter(field_name=field, choices=[(str(word), str(word)) for word in words])


class WorkflowFilter(filters.FilterSet):
    """Workflows."""

    project = _text("project__slug")
    name = _text()


class RunFilter(filters.FilterSet):
    """Runs."""

    project = _text("project__slug")
    workflow = _text("workflow_name")
    status = _word(RunStatus)
    idempotency_key = _text()
    requested_by = _text("requested_by__username")
    root = filters.UUIDFilter(field_name="root_id")
    parent_step = _Id(field_name="parent_step_id")
    forked_from = filters.UUIDFilter(field_name="forked_from_id")
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class StepFilter(filters.FilterSet):
    """Steps of a run."""

    key = _text()
    agent = _text()
    status = _word(StepStatus)
    kind = _word(StepKind)
    parent = _Id(field_name="parent_id")


class AttemptFilter(filters.FilterSet):
    """Attempts of a run."""

    step = _Id(field_name="step_id")
    agent = _text()


class DecisionFilter(filters.FilterSet):
    """Decisions of a run."""

    step = _Id(field_name="step_id")
    kind = _word(DecisionKind)


class HandoffFilter(filters.FilterSet):
    """Hand-offs of a run."""

    from_step = _Id(field_name="from_step_id")
    to_step = _Id(field_name="to_step_id")


class RunEventFilter(filters.FilterSet):
    """Lines of a run's history."""

    step = _Id(field_name="step_id")
    agent = _text("step__agent")
    kind = _text()
    after = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    before = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class EventFilter(RunEventFilter):
    """Lines of the history."""

    run = filters.UUIDFilter(field_name="run_id")
