"""How rows are shown. Lists leave out what may be large: inputs, outputs, specs.

`assignment` is ignored where a field has the name of something of DRF's: DRF takes fields off the class.
"""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orchestration.api.fields import JsonText, Names, word
from orchestration.api.waits import WaitsOnRow, show_waits
from orchestration.domain.rights import Right, Scope
from orchestration.domain.states import (
    LIVE_RUN,
    AttemptOutcome,
    DecisionKind,
    HandoffKind,
    ResultKind,
    RunStatus,
    StepKind,
    StepStatus,
)
from orchestration.domain.waits import WaitsFor
from orchestration.selectors.progress import STATES

Row = serializers.Serializer[Any]


class ProjectRow(Row):
    """A project and what the caller may do in it."""

    slug = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    rights = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=word(Right)))
    def get_rights(self, project: Any) -> list[str]:
        """Return what the caller may do, in the order in which rights are named."""
        held = self.context["rights"].get(project.pk, frozenset())
        return [right.value for right in Right if right in held]


class WorkflowRow(Row):
    """A version of a workflow."""

    project = serializers.CharField(source="project.slug", read_only=True)
    name = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    digest = serializers.CharField(read_only=True)
    sla = serializers.CharField(read_only=True)
    published_at = serializers.DateTimeField(read_only=True)


class WorkflowDetail(WorkflowRow):
    """A version of a workflow with its spec."""

    spec = JsonText(source="spec_json")


class PublishedRow(WorkflowDetail):
    """What publishing did."""

    is_new = serializers.BooleanField(read_only=True)


class Fault(Row):
    """What is wrong at one place."""

    field = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)


class ValidationRow(Row):
    """Whether a spec could be published."""

    is_valid = serializers.BooleanField(read_only=True)  # type: ignore[assignment]
    errors = Fault(many=True, read_only=True)  # type: ignore[assignment]


class RunRow(Row):
    """A run."""

    id = serializers.UUIDField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    workflow = serializers.CharField(source="workflow_name", read_only=True)
    version = serializers.IntegerField(source="workflow.version", read_only=True)
    status = word(RunStatus)
    is_final = serializers.SerializerMethodField()
    round = serializers.IntegerField(read_only=True)
    priority = serializers.IntegerField(read_only=True)
    idempotency_key = serializers.CharField(read_only=True, allow_null=True)
    requested_by = Names(read_only=True, allow_null=True)
    reason = serializers.CharField(read_only=True)
    root = serializers.UUIDField(source="root_id", read_only=True)  # type: ignore[assignment]
    depth = serializers.IntegerField(read_only=True)
    parent_step = serializers.IntegerField(source="parent_step_id", read_only=True, allow_null=True)
    forked_from = serializers.UUIDField(source="forked_from_id", read_only=True, allow_null=True)
    forked_from_step = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    deadline_at = serializers.DateTimeField(read_only=True, allow_null=True)
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def get_is_final(self, run: Any) -> bool:
        """Return whether the run has ended."""
        return RunStatus(run.status) not in LIVE_RUN


class ResultRow(Row):
    """What a run gives back."""

    kind = word(ResultKind)
    output = JsonText(source="output_json")
    error = serializers.CharField(read_only=True, help_text="Why it could not be made.")
    by = serializers.CharField(read_only=True, help_text="Who ended the run early.")


class RunDetail(RunRow):
    """A run with what it was given and what it gave."""

    state = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()
    input = JsonText(source="input_json")
    outputs = serializers.SerializerMethodField()
    hidden = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()

    @extend_schema_field(word(STATES))
    def get_state(self, _run: Any) -> str:
        """The status, but `waiting` where only people can go on."""
        state: str = self.context["standing"].state
        return state

    def get_steps(self, _run: Any) -> dict[str, int]:
        """Status -> number of steps."""
        counts: dict[str, int] = self.context["standing"].steps
        return counts

    def get_outputs(self, _run: Any) -> dict[str, Any]:
        """Of the steps that nothing follows, by key; at most 10."""
        outputs: dict[str, Any] = self.context["standing"].outputs
        return outputs

    def get_hidden(self, _run: Any) -> list[str]:
        """Keys of such steps whose outputs are left out, as are `input` and `result` where they are named here."""
        standing = self.context["standing"]
        hidden: list[str] = standing.hidden
        return [
            *hidden,
            *(["input"] if standing.hides_input else []),
            *(["result"] if standing.hides_result else []),
        ]

    @extend_schema_field(ResultRow(allow_null=True))
    def get_result(self, _run: Any) -> dict[str, Any] | None:
        """What the run gives back, where its workflow says so or it was ended early; else `outputs` is it."""
        result = self.context["standing"].result
        return None if result is None else dict(ResultRow(result).data)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Return the run, without what a review queue keeps to itself."""
        shown = super().to_representation(instance)
        return {**shown, "input": None} if self.context["standing"].hides_input else shown


class StepRow(Row):
    """A step without what it put out."""

    id = serializers.IntegerField(read_only=True)
    run = serializers.UUIDField(source="run_id", read_only=True)
    key = serializers.CharField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    kind = word(StepKind)
    parent = serializers.IntegerField(  # type: ignore[assignment]
        source="parent_id", read_only=True, allow_null=True
    )
    agent = serializers.CharField(read_only=True)
    queue = serializers.CharField(read_only=True)
    status = word(StepStatus)
    attempt = serializers.IntegerField(read_only=True)
    waits_for = word(WaitsFor, help_text="Why an available step is not rung for; empty when it is.")
    due_at = serializers.DateTimeField(read_only=True, allow_null=True)
    claimed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    deadline_at = serializers.DateTimeField(read_only=True, allow_null=True)
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)
    skip_reason = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)


class StepDetail(StepRow):
    """A step with what it proposed and put out."""

    revision = serializers.IntegerField(read_only=True)
    failures = serializers.IntegerField(read_only=True)
    crashes = serializers.IntegerField(read_only=True)
    feedback = serializers.CharField(read_only=True)
    proposed = JsonText(source="proposed_json")
    output = JsonText(source="output_json")
    hidden = serializers.SerializerMethodField()
    output_digest = serializers.CharField(read_only=True, allow_null=True)
    output_tokens = serializers.IntegerField(read_only=True, allow_null=True)
    receipt_digest = serializers.CharField(read_only=True, allow_null=True)
    child_runs = serializers.SerializerMethodField()
    waits_on = serializers.SerializerMethodField()

    def get_hidden(self, _step: Any) -> str | None:
        """Why proposal and output are not shown; null when they are."""
        why: str | None = self.context["hidden"]
        return why

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Return the step, without what its review queue keeps to itself."""
        shown = super().to_representation(instance)
        return {**shown, "proposed": None, "output": None} if self.context["hidden"] else shown

    @extend_schema_field(WaitsOnRow(many=True))
    def get_waits_on(self, step: Any) -> list[dict[str, Any]]:
        """What it waits on by name: open calls of its agent, a budget, a breaker, whatever `waits_for` says."""
        return show_waits(step)

    def get_child_runs(self, _step: Any) -> list[UUID]:
        """The runs that this step started."""
        found: list[UUID] = self.context["child_runs"]
        return found


class EdgeRow(Row):
    """One step waits for another."""

    predecessor = serializers.IntegerField(source="predecessor_id", read_only=True)
    successor = serializers.IntegerField(source="successor_id", read_only=True)
    carries_data = serializers.BooleanField(read_only=True)
    is_optional = serializers.BooleanField(read_only=True)
    is_child = serializers.BooleanField(read_only=True)


class PlanRow(Row):
    """A run's plan, or a part of it: steps, and the edges that lead to them."""

    run = serializers.UUIDField(read_only=True)
    is_complete = serializers.BooleanField(
        read_only=True, help_text="False: a part of a plan that is too large for one answer."
    )
    next_cursor = serializers.CharField(
        read_only=True, allow_null=True, help_text="Of the next part; null with the last one."
    )
    steps = StepRow(many=True, read_only=True)
    edges = EdgeRow(many=True, read_only=True)


class DecisionRow(Row):
    """What the policy chose after an attempt."""

    id = serializers.IntegerField(read_only=True)
    step = serializers.IntegerField(source="step_id", read_only=True)
    attempt = serializers.IntegerField(source="attempt.number", read_only=True)
    kind = word(DecisionKind)
    rule = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    inputs = JsonText(source="inputs_json")
    due_at = serializers.DateTimeField(read_only=True, allow_null=True)
    decided_at = serializers.DateTimeField(read_only=True)


class AttemptRow(Row):
    """One try of a step."""

    id = serializers.IntegerField(read_only=True)
    step = serializers.IntegerField(source="step_id", read_only=True)
    number = serializers.IntegerField(read_only=True)
    worker = serializers.CharField(source="process.name", read_only=True, default="")
    task_id = serializers.CharField(read_only=True)
    agent = serializers.CharField(read_only=True)
    agent_version = serializers.IntegerField(read_only=True, allow_null=True)
    outcome = word(AttemptOutcome, allow_null=True)
    confidence = serializers.FloatField(read_only=True, allow_null=True)
    failure_kind = serializers.CharField(read_only=True)
    error_class = serializers.CharField(read_only=True)
    error_message = serializers.CharField(read_only=True)
    started_at = serializers.DateTimeField(read_only=True)
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)


class HandoffRow(Row):
    """What an attempt received from a step."""

    id = serializers.IntegerField(read_only=True)
    from_step = serializers.IntegerField(source="from_step_id", read_only=True)
    to_step = serializers.IntegerField(source="to_step_id", read_only=True)
    attempt = serializers.IntegerField(source="attempt.number", read_only=True)
    original_digest = serializers.CharField(read_only=True)
    digest = serializers.CharField(read_only=True)
    tokens_before = serializers.IntegerField(read_only=True)
    tokens_after = serializers.IntegerField(read_only=True)
    summarised_by = serializers.CharField(read_only=True)
    loss = JsonText(source="loss_json")
    kind = word(HandoffKind)
    pointer = serializers.CharField(read_only=True, allow_null=True)
    memory = serializers.IntegerField(source="memory_id", read_only=True, allow_null=True)
    recalled = serializers.CharField(
        source="source", read_only=True, allow_null=True, help_text="Of a memory: which, and who wrote it."
    )
    handed_at = serializers.DateTimeField(read_only=True)


class EventRow(Row):
    """A line of the history."""

    id = serializers.IntegerField(read_only=True)
    run = serializers.UUIDField(source="run_id", read_only=True)
    step = serializers.IntegerField(source="step_id", read_only=True, allow_null=True)
    attempt = serializers.IntegerField(read_only=True, allow_null=True)
    kind = serializers.CharField(read_only=True)
    data = JsonText(source="data_json")  # type: ignore[assignment]
    at = serializers.DateTimeField(read_only=True)


class TokenRow(Row):
    """A token, without its key."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    name = serializers.CharField(read_only=True)
    scopes = serializers.ListField(child=word(Scope), read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True, default=None, allow_null=True)
    created_at = serializers.DateTimeField(source="created", read_only=True)
    expires_at = serializers.DateTimeField(source="expiry", read_only=True)


class NewTokenRow(TokenRow):
    """A token with its key, which is shown this once."""

    key = serializers.CharField(read_only=True)
