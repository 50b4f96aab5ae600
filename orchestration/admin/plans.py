"""The pictures of a run's plan and of a workflow."""

from datetime import datetime
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from orchestration.admin.addresses import step_url
from orchestration.admin.picture import Picture, PlanNode, draw_plan
from orchestration.admin.words import describe_duration, describe_span
from orchestration.domain.spec import WorkflowSpec, order_steps
from orchestration.domain.states import StepStatus
from orchestration.models import Run
from orchestration.selectors.run_details import MOST_DRAWN_STEPS, PlanStep, load_plan

_TOO_LARGE = f"This plan has more than {MOST_DRAWN_STEPS:,} steps or too many edges to draw."


def draw_run(run: Run, now: datetime, *, unfold: bool) -> Picture:
    """Return the picture of a run's plan; a click on a step leads to its page."""
    plan = load_plan(run.pk)
    if plan is None:
        return Picture(SafeString(""), (), note=_TOO_LARGE)
    steps, edges = plan
    place = {step.pk: i for i, step in enumerate(steps)}
    nodes = [
        PlanNode((step.key,), {step.status: 1}, _note(step, now), step_url(run.pk, step.key))
        for step in steps
    ]
    links = [(place[before], place[after]) for before, after in edges]
    return draw_plan(nodes, links, title=f"Plan of {run}", link_folded=_find_folded, unfold=unfold)


def draw_workflow(spec: WorkflowSpec, *, unfold: bool) -> Picture:
    """Return the picture of a workflow; a click on a step leads to its line in the table."""
    steps = order_steps(spec.steps)
    place = {step.key: i for i, step in enumerate(steps)}
    nodes = [PlanNode((step.key,), {"planned": 1}, step.agent[:26], f"#step-{step.key}") for step in steps]
    links = [(place[before], place[step.key]) for step in steps for before in step.predecessors]
    if len(nodes) > MOST_DRAWN_STEPS:
        return Picture(SafeString(""), (), note=_TOO_LARGE)
    return draw_plan(
        nodes,
        links,
        title=f"Steps of {spec.name}",
        link_folded=lambda node: f"#step-{node.keys[0]}",
        unfold=unfold,
    )


def _find_folded(node: PlanNode) -> str:
    return f"?{urlencode({'show': 'steps', 'find': node.beginning})}#details"


def _note(step: PlanStep, now: datetime) -> str:
    if step.status == StepStatus.RUNNING and step.claimed_at:
        return f"running {describe_duration(now - step.claimed_at)}"
    took = describe_span(step.claimed_at, step.finished_at)
    return f"{step.status} {took}" if took and step.status == StepStatus.SUCCEEDED else step.status
