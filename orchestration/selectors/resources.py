"""What the API shows beyond rows as they stand: how a run stands, plans, versions, tokens, agents' health."""

from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, takewhile
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now

from agents.admission.board import BreakerLine, find_breaker
from agents.selectors import find_contract
from orchestration.domain.states import AttemptOutcome
from orchestration.errors import WorkflowNotFound
from orchestration.models import (
    ApiToken,
    Attempt,
    Edge,
    Project,
    Run,
    RunResult,
    Step,
    WorkerProcess,
    Workflow,
)
from orchestration.selectors.run_details import (
    MOST_DRAWN_EDGES,
    MOST_DRAWN_STEPS,
    count_steps,
    find_states,
    list_ends,
    list_steps,
)
from orchestration.selectors.scope import Caller, scope_rows
from orchestration.selectors.trees import find_result
from orchestration.selectors.withheld import UNTOLD, hides_input, hides_result, withhold

_MOST_OUTPUTS: Final = 10
_RECENT_ATTEMPTS: Final = 20_000
_JUDGED_ATTEMPTS: Final = 100
_SHOWN_FAILURES: Final = 10
_FAILED = (AttemptOutcome.FAILED, AttemptOutcome.CRASHED)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is and what it gave. Attributes: is_untold: something is hidden only as the audit can't be told."""

    state: str
    steps: dict[str, int]
    outputs: dict[str, Any]
    hidden: list[str]
    result: RunResult | None
    hides_result: bool
    hides_input: bool
    is_untold: bool


@dataclass(frozen=True, slots=True)
class Health:
    """How an agent has done lately."""

    agent: str
    is_known: bool
    served_by: list[str]
    attempts: int
    answered: int
    failed: int
    under_way: int
    last_attempt_at: datetime | None
    last_failures: list[Attempt]
    breaker: BreakerLine


def find_standing(run: Run, user_id: int | None) -> Standing:
    """Return how a run stands, without what it hides from somebody."""
    run_id, result = run.pk, find_result(run.pk)
    ends = list(list_ends(run_id).filter(output_json__isnull=False)[:_MOST_OUTPUTS])
    hidden = withhold({step.pk: [step.output_json] for step in ends}, user_id)
    is_result_hidden = hides_result(run, result, user_id)
    return Standing(
        state=find_states([run_id])[run_id],
        steps=count_steps([run_id])[run_id],
        outputs={step.key: step.output for step in ends if step.pk not in hidden},
        hidden=[step.key for step in ends if step.pk in hidden],
        result=None if is_result_hidden else result,
        hides_result=is_result_hidden,
        hides_input=hides_input(run, user_id),
        is_untold=UNTOLD in hidden.values(),
    )


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Steps of a plan that follow each other, and the edges that lead to them. `is_last`: no step stands behind."""

    steps: list[Step]
    edges: list[Edge]
    is_last: bool


def load_plan_part(run_id: UUID, behind: Q) -> PlanPart:
    """Return as much of a plan as one answer holds: at least one step, whatever number of edges leads to it.

    Args: behind: where to begin.
    """
    found = list(list_steps(run_id).filter(behind).order_by("position", "pk")[: MOST_DRAWN_STEPS + 1])
    counts = accumulate(step.predecessor_count for step in found[:MOST_DRAWN_STEPS])
    fitting = sum(1 for _ in takewhile(lambda count: count <= MOST_DRAWN_EDGES, counts))
    steps = found[: max(1, fitting)]
    edges = Edge.objects.filter(successor__in=[step.pk for step in steps]).order_by("id")
    return PlanPart(steps, list(edges), is_last=len(steps) == len(found))


def list_child_runs(step_id: int) -> list[UUID]:
    """Return the runs that a step started, in order."""
    return list(
        Run.objects.filter(parent_step=step_id).order_by("parent_attempt").values_list("pk", flat=True)
    )


def list_versions(project: Project, name: str) -> QuerySet[Workflow]:
    """Return the versions of a workflow, without their specs.

    Raises: WorkflowNotFound.
    """
    versions = Workflow.objects.filter(project=project, name=name)
    if not versions.exists():
        raise WorkflowNotFound(f"the project '{project.slug}' has no workflow '{name}'")
    return versions.select_related("project").defer("spec_json")


def find_version(project: Project, name: str, version: int) -> Workflow:
    """Return a version of a workflow.

    Raises: WorkflowNotFound.
    """
    found = Workflow.objects.select_related("project").filter(project=project, name=name, version=version)
    if (row := found.first()) is None:
        raise WorkflowNotFound(
            f"the project '{project.slug}' has no version {version} of a workflow '{name}'"
        )
    return row


def list_tokens(person: AbstractBaseUser) -> QuerySet[ApiToken]:
    """Return a person's tokens that have not ended."""
    tokens: QuerySet[ApiToken] = ApiToken.objects.filter(user=person.pk, expiry__gt=Now())
    return tokens.select_related("project")


def measure_health(caller: Caller, agent: str) -> Health:
    """Return how an agent did in the latest attempts that the caller may see."""
    newest = Attempt.objects.aggregate(newest=Max("pk"))["newest"] or 0
    # Bounded: there is no index of agents, and an agent may have been idle for a million attempts.
    recent = Attempt.objects.filter(agent=agent, pk__gt=newest - _RECENT_ATTEMPTS).order_by("-pk")
    attempts = list(scope_rows(caller, recent, "run__project")[:_JUDGED_ATTEMPTS])
    outcomes = [attempt.outcome for attempt in attempts]
    present = WorkerProcess.objects.filter(stopped_at__isnull=True, agents__contains=[agent]).order_by("name")
    failures = [attempt for attempt in attempts if attempt.outcome in _FAILED]
    return Health(
        agent=agent,
        is_known=find_contract(agent) is not None,
        served_by=list(present.values_list("name", flat=True)),
        attempts=len(attempts),
        answered=outcomes.count(AttemptOutcome.ANSWERED),
        failed=len(failures),
        under_way=outcomes.count(None),
        last_attempt_at=attempts[0].started_at if attempts else None,
        last_failures=failures[:_SHOWN_FAILURES],
        breaker=find_breaker(agent),
    )
