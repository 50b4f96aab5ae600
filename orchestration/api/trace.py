"""What happened in runs: steps, attempts, decisions, hand-offs, events."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.base import ApiView
from orchestration.api.filters import (
    AttemptFilter,
    DecisionFilter,
    EventFilter,
    HandoffFilter,
    RunEventFilter,
    StepFilter,
)
from orchestration.api.problems import AuditSilent
from orchestration.api.rows import (
    AttemptRow,
    DecisionRow,
    EventRow,
    HandoffRow,
    StepDetail,
    StepRow,
)
from orchestration.models import Attempt, Decision, Event, Handoff, Step
from orchestration.selectors.resources import list_child_runs
from orchestration.selectors.run_details import list_steps
from orchestration.selectors.scope import find_run, find_step, scope_rows
from orchestration.selectors.withheld import UNTOLD, withhold


class StepList(ApiView):
    """Steps of a run."""

    queryset = Step.objects.none()
    filterset_class = StepFilter
    order: ClassVar[tuple[str, ...]] = ("position", "pk")

    @extend_schema(operation_id="list_steps", responses=StepRow(many=True))
    def get(self, _request: Request, run_id: UUID) -> Response:
        """List a run's steps in plan order."""
        return self.show_page(list_steps(find_run(self.caller, run_id).pk), StepRow)


class StepView(ApiView):
    """A step."""

    @extend_schema(operation_id="get_step", responses=StepDetail)
    def get(self, _request: Request, step_id: int) -> Response:
        """Show a step with what it proposed and put out."""
        step = find_step(self.caller, step_id)
        hidden = withhold({step.pk: [step.proposed_json, step.output_json]}, self.caller.user_id)
        if hidden.get(step.pk) == UNTOLD:
            raise AuditSilent(UNTOLD)
        context = {"child_runs": list_child_runs(step.pk), "hidden": hidden.get(step.pk)}
        return Response(StepDetail(step, context=context).data)


class AttemptList(ApiView):
    """Attempts of a run."""

    queryset = Attempt.objects.none()
    filterset_class = AttemptFilter

    @extend_schema(operation_id="list_attempts", responses=AttemptRow(many=True))
    def get(self, _request: Request, run_id: UUID) -> Response:
        """List a run's attempts in the order in which they were made."""
        rows = Attempt.objects.filter(run=find_run(self.caller, run_id).pk).select_related("process")
        return self.show_page(rows.defer("traceback_tail"), AttemptRow)


class DecisionList(ApiView):
    """Decisions in a run."""

    queryset = Decision.objects.none()
    filterset_class = DecisionFilter

    @extend_schema(operation_id="list_decisions", responses=DecisionRow(many=True))
    def get(self, _request: Request, run_id: UUID) -> Response:
        """List what the policy decided in a run, in order."""
        rows = Decision.objects.filter(run=find_run(self.caller, run_id).pk).select_related("attempt")
        return self.show_page(rows, DecisionRow)


class HandoffList(ApiView):
    """Hand-offs in a run."""

    queryset = Handoff.objects.none()
    filterset_class = HandoffFilter

    @extend_schema(operation_id="list_handoffs", responses=HandoffRow(many=True))
    def get(self, _request: Request, run_id: UUID) -> Response:
        """List what steps of a run received from each other, in order, without the content."""
        rows = Handoff.objects.filter(run=find_run(self.caller, run_id).pk).select_related("attempt")
        return self.show_page(rows.defer("summary_json"), HandoffRow)


class EventList(ApiView):
    """The history."""

    queryset = Event.objects.none()
    filterset_class = EventFilter
    order: ClassVar[tuple[str, ...]] = ("-pk",)

    @extend_schema(operation_id="list_events", responses=EventRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the history's lines, the newest first: of one run, agent, kind, or time."""
        return self.show_page(scope_rows(self.caller, Event.objects.all(), "run__project"), EventRow)


class RunEventList(ApiView):
    """The history of a run."""

    queryset = Event.objects.none()
    filterset_class = RunEventFilter

    @extend_schema(operation_id="list_run_events", responses=EventRow(many=True))
    def get(self, _request: Request, run_id: UUID) -> Response:
        """List a run's history, the oldest line first."""
        return self.show_page(Event.objects.filter(run=find_run(self.caller, run_id).pk), EventRow)
