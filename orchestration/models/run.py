"""A run, its plan as rows, and the context its agents share.

Per-step tables refer to run and worker with db_constraint=False: a foreign key would lock the parent row on
every insert, and a run's row would become the hot spot of its own steps.
"""

import json
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Cast, Now

from agents.domain.contract import MAX_NAME_LENGTH
from orchestration.domain.rows import CHILD_RUN_KEY
from orchestration.domain.states import LIVE_RUN, Acceptance, RunStatus, Stage, StepKind, StepStatus
from orchestration.domain.waits import WaitsFor
from orchestration.models.process import WorkerProcess
from orchestration.models.workflow import Project, Workflow

_LIVE = sorted(status.value for status in LIVE_RUN)


class Run(models.Model):
    """One execution of a workflow version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="runs")
    workflow_name = models.CharField(max_length=100, help_text="Copied: the scope of the idempotency key.")
    status = models.CharField(
        max_length=12, choices=[(s.value, s.value) for s in RunStatus], default=RunStatus.RUNNING.value
    )
    round = models.PositiveSmallIntegerField(default=1)
    input_json = models.TextField(help_text="Canonical JSON.")
    input_digest = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001 - NULL is "no key", not ""
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.TextField(default="", help_text="Why it failed or was cancelled, in words.")
    priority = models.SmallIntegerField(
        db_default=0, help_text="Higher goes first where steps wait for a pool."
    )
    deadline_at = models.DateTimeField(null=True, help_text="No retry outlives it.")

    # A child run: which step waits for its end. The whole tree shares the root's id, its own for a root.
    parent_step = models.ForeignKey(
        "Step",
        null=True,
        on_delete=models.CASCADE,
        related_name="child_runs",
        db_constraint=False,
        db_index=False,
    )
    # Read from the key, which the seal covers: the two can't disagree.
    parent_attempt = models.GeneratedField(
        expression=Case(
            When(
                parent_step__isnull=False,
                then=Cast(
                    Func(F("idempotency_key"), Value(CHILD_RUN_KEY), function="substring"),
                    models.IntegerField(),
                ),
            )
        ),
        output_field=models.IntegerField(null=True),
        db_persist=True,
        help_text="Which try of that step started it: the highest is the one it waits for.",
    )
    root_id = models.UUIDField(
        help_text="The run at the top of its tree; its own id for a run nobody started."
    )
    depth = models.PositiveSmallIntegerField(db_default=0, help_text="Runs above this one.")
    untold = models.BooleanField(
        db_default=False, help_text="Ended, and the step, or the actor, that waits for that was not told yet."
    )
    actor = models.ForeignKey(
        "Actor",
        null=True,
        on_delete=models.PROTECT,
        related_name="runs",
        db_constraint=False,
        db_index=False,
        help_text="Whose turn it is.",
    )
    is_parked = models.BooleanField(
        db_default=False, help_text="A turn that waits for a person, and lets the next one go on."
    )
    forked_from = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="forks", db_constraint=False
    )
    forked_from_step = models.CharField(
        max_length=100, db_default="", help_text="Key of the first step done anew."
    )
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("project", "workflow_name", "idempotency_key"), name="run_idempotency_key_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in RunStatus]), name="run_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=_LIVE, finished_at__isnull=True)
                | (~Q(status__in=_LIVE) & Q(finished_at__isnull=False)),
                name="run_final_is_finished",
            ),
            models.CheckConstraint(
                condition=Q(parent_step__isnull=True) | Q(parent_attempt__isnull=False),
                name="run_child_names_its_attempt",
            ),
            models.UniqueConstraint(
                fields=("parent_step", "parent_attempt"),
                condition=Q(parent_step__isnull=False),
                name="run_child_once_per_attempt",
            ),
            models.UniqueConstraint(
                fields=("actor",),
                condition=Q(actor__isnull=False, is_parked=False, status__in=_LIVE),
                name="run_one_live_turn",
            ),
        )
        indexes = (
            models.Index(fields=("status", "-created_at"), name="run_by_status"),
            models.Index(fields=("-created_at",), name="run_by_age"),
            models.Index(fields=("root_id", "depth"), name="run_of_tree"),
            models.Index(fields=("id",), condition=Q(untold=True), name="run_untold"),
            models.Index(
                fields=("actor", "-created_at"), condition=Q(actor__isnull=False), name="run_of_actor"
            ),
            models.Index(
                fields=("deadline_at",), condition=Q(deadline_at__isnull=False), name="run_deadline"
            ),
        )

    def __str__(self) -> str:
        """Return the workflow's name and the id's first part."""
        return f"{self.workflow_name} {str(self.id)[:8]}"

    @property
    def input(self) -> Any:
        """Return the input as a JSON value."""
        return json.loads(self.input_json)


class AgentContext(models.Model):
    """What bounds that which the agents of one run share: `selectors/context.py` puts all of it together."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="context")
    handoff_tokens = models.PositiveIntegerField(help_text="Tokens that one receiving step may be handed.")
    has_budget = models.BooleanField(
        db_default=False, help_text="Something above its steps, or of them, has a budget: calls ask."
    )

    def __str__(self) -> str:
        """Return whose context it is."""
        return f"context of {self.run_id}"


class Step(models.Model):
    """One node of a run's plan.

    What a row may say is stated a second time by the trigger `step_is_whole` (migration 0021): PostgreSQL takes CHECKs
    apart anew in every statement that changes a row, and twenty of them were a seventh of what a step cost it.
    """

    # Here and below, a foreign key has no index of its own where another one begins with it: every step would pay.
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="steps", db_constraint=False, db_index=False
    )
    key = models.CharField(
        max_length=300, help_text="`fetch`; `fetch[3]` an item of it; `plan/ask` spawned by it."
    )
    position = models.IntegerField(help_text="Place in plan order, from 0.")
    agent = models.CharField(max_length=200)
    queue = models.CharField(max_length=100, help_text="Celery queue; a crash suspect moves to `isolated`.")
    predecessor_count = models.IntegerField()

    # A step that grew at run time: see `domain/plan.py`.
    kind = models.CharField(
        max_length=12, choices=[(k.value, k.value) for k in StepKind], db_default=StepKind.PLANNED.value
    )
    parent = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.CASCADE,
        related_name="children",
        db_constraint=False,
        db_index=False,
    )
    depth = models.SmallIntegerField(db_default=0, help_text="Steps above this one in its run.")
    index = models.IntegerField(null=True, help_text="Place among its siblings, from 0.")
    item_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "no item"
    spec_key = models.CharField(
        max_length=100, help_text="Its place in the workflow's spec; its own for a planned one."
    )
    spec_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "the workflow has it"
    stage = models.CharField(
        max_length=10,
        choices=[(t.value, t.value) for t in Stage],
        db_default=Stage.FRESH.value,
        help_text="What its children are, from its growing them to its end.",
    )
    gated = models.BooleanField(db_default=False, help_text="Nothing passes without a verdict or a person.")
    accepted_by = models.CharField(
        max_length=10, choices=[(a.value, a.value) for a in Acceptance], db_default=Acceptance.NOBODY.value
    )
    pools = models.JSONField(
        db_default=Value({}, models.JSONField()), help_text="Slots it takes with its claim, by pool."
    )
    timeout_seconds = models.FloatField(help_text="Of one attempt.")
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in StepStatus], default=StepStatus.PENDING.value
    )

    attempt = models.IntegerField(default=0, help_text="Number of the latest attempt.")
    failures = models.IntegerField(default=0, help_text="Counted tries since the last fresh start.")
    crashes = models.IntegerField(default=0, help_text="Crashes that were this step's own.")
    revision = models.IntegerField(default=0, help_text="Times it was sent back with feedback.")
    verdict_revisions = models.IntegerField(db_default=0, help_text="Those that its verifiers sent back.")
    reworks = models.IntegerField(db_default=0, help_text="Those that a later step sent back.")
    renewals = models.IntegerField(
        db_default=0, help_text="Times that finished or proposed work of it was ordered anew."
    )
    fallbacks = models.SmallIntegerField(db_default=0, help_text="How far down its fallback agents it is.")
    feedback = models.TextField(default="")

    dispatches = models.IntegerField(default=0, help_text="Messages asked for; never reused.")
    dispatched_at = models.DateTimeField(null=True)
    waits_for = models.CharField(
        max_length=10,
        choices=[(w.value, w.value) for w in WaitsFor],
        default=WaitsFor.NOTHING.value,
        help_text="Why an available step is not rung for; empty when it is.",
    )
    waits_on = models.CharField(
        max_length=MAX_NAME_LENGTH,
        db_default="",
        help_text="While it waits for a breaker: the model's whose it is; empty for its agent's.",
    )

    token = models.UUIDField(null=True, help_text="The claim's fence; every write of the step names it.")
    process = models.ForeignKey(
        WorkerProcess,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="steps",
        db_constraint=False,
        db_index=False,
    )
    claimed_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="When a retry may start.")

    unreleased = models.BooleanField(
        default=False, help_text="Done, and something behind it still waits for a join or for the run's end."
    )
    chord_intact = models.BooleanField(default=False, help_text="A Celery chord will ring for this join.")

    proposed_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "nothing proposed"
    output_json = models.TextField(null=True)  # noqa: DJ001 - NULL is "not done"; canonical JSON otherwise
    output_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001
    output_tokens = models.IntegerField(null=True)
    receipt_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001
    skip_reason = models.CharField(max_length=200, default="")
    reason = models.TextField(default="", help_text="Why it is held, skipped or failed, in words.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("run", "position")
        constraints = (
            models.UniqueConstraint(fields=("run", "key"), name="step_key_once"),
            models.CheckConstraint(
                condition=Q(gated=False)
                | ~Q(status=StepStatus.SUCCEEDED.value)
                | Q(
                    accepted_by__in=(
                        Acceptance.VERDICT.value,
                        Acceptance.PERSON.value,
                        Acceptance.RULE.value,
                    )
                ),
                name="step_gated_is_accepted",
            ),
        )
        indexes = (
            models.Index(
                fields=("queue", "dispatched_at"), condition=Q(status="available"), name="step_rung"
            ),
            models.Index(fields=("due_at",), condition=Q(status="retryable"), name="step_due"),
            models.Index(fields=("process",), condition=Q(status="running"), name="step_in_flight"),
            models.Index(fields=("id",), condition=Q(unreleased=True), name="step_unreleased"),
            models.Index(fields=("run",), condition=Q(status="held"), name="step_held"),
            models.Index(
                fields=("parent", "index"), condition=Q(parent__isnull=False), name="step_of_parent"
            ),
            models.Index(fields=("waits_for",), condition=~Q(waits_for=""), name="step_waits_for"),
        )

    def __str__(self) -> str:
        """Return the key."""
        return self.key

    @property
    def output(self) -> Any:
        """Return the final output as a JSON value; None when there is none."""
        return None if self.output_json is None else json.loads(self.output_json)

    @property
    def proposed(self) -> Any:
        """Return what the agent proposed before the step was held; None when it proposed nothing."""
        return None if self.proposed_json is None else json.loads(self.proposed_json)


class Edge(models.Model):
    """`successor` waits for `predecessor`; with `carries_data` it also receives its output.

    A step waits for the children it grew by edges too: `is_child`.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="edges", db_constraint=False)
    predecessor = models.ForeignKey(
        Step, on_delete=models.CASCADE, related_name="edges_out", db_constraint=False
    )
    successor = models.ForeignKey(
        Step, on_delete=models.CASCADE, related_name="edges_in", db_constraint=False, db_index=False
    )
    carries_data = models.BooleanField()
    is_optional = models.BooleanField(default=False)
    is_child = models.BooleanField(db_default=False, help_text="The predecessor was grown by the successor.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("successor", "predecessor"), name="edge_once"),
            models.CheckConstraint(condition=~Q(successor=F("predecessor")), name="edge_joins_two"),
        )

    def __str__(self) -> str:
        """Return both ends."""
        return f"{self.predecessor_id} -> {self.successor_id}"
