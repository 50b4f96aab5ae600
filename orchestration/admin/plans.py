"""The pictures of a run's plan and of a workflow."""

from datetime import datetime
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from orchestration.admin.addresses import run_url, step_url
from orchestration.admin.picture import MOST_ABREAST, Picture, PlanNode, draw_plan, say_counts
from orchestration.admin.picture.growing import Group, group_steps, link_groups
from orchestration.admin.words import describe_duration, describe_span, describe_stage, describe_wait
from orchestration.domain.plan import local_name
from orchestration.domain.spec import WorkflowSpec, order_steps
from orchestration.domain.states import StepKind, StepStatus
from orchestration.models import Run
from orchestration.selectors.plan_rows import ChildRun, PlanRows, PlanStep, find_child_runs
from orchestration.selectors.run_details import MOST_DRAWN_STEPS

_TOO_LARGE = f"This plan has more than {MOST_DRAWN_STEPS:,} steps or too many edges to draw."


def draw_run(run: Run, rows: PlanRows, now: datetime, *, unfold: bool, here: str = "") -> Picture:
    """Return the picture of a run's plan; a click on a step leads to its page. `here`: key of the step to mark."""
    if rows.is_too_large:
        return Picture(SafeString(""), (), note=_TOO_LARGE)
    groups = group_steps(rows.present, len(rows.steps) if unfold else MOST_ABREAST)
    children = find_child_runs([group.first.pk for group in groups if len(group.steps) == 1])
    nodes = [describe_group(run, group, now) for group in groups]
    places = {step_id: len(nodes) + n for n, step_id in enumerate(children)}
    nodes += map(_draw_child_run, children.values())
    links = link_groups(groups, rows.edges, places)
    return draw_plan(nodes, links, title=f"Plan of {run}", link_folded=find_folded, unfold=unfold, here=here)


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


def describe_group(run: Run, group: Group, now: datetime) -> PlanNode:
    """Return a step, or several alike, as a node; of several, a click is to be led by who draws it."""
    keys = tuple(step.key for step in group.steps)
    if len(keys) > 1:
        return PlanNode(keys, group.counts, say_counts(group.counts))
    step = group.first
    return PlanNode(keys, group.counts, _say(step, now), step_url(run.pk, step.key), name=_name(step))


def _name(step: PlanStep) -> str:
    """Return what a reader calls a step whose place tells the rest of its key; "" for the key."""
    match step.kind:
        case StepKind.SPAWNED:
            return local_name(step.key)
        case StepKind.VERIFIER:
            return step.agent
        case _:
            return ""


def _draw_child_run(child: ChildRun) -> PlanNode:
    name = f"{child.workflow_name} {str(child.pk)[:8]}"
    return PlanNode((name,), {child.status: 1}, f"child run, {child.status}", run_url(child.pk), is_run=True)


def find_folded(node: PlanNode) -> str:
    """Return the way to the table of steps, narrowed to those that are drawn as one."""
    asked = {"show": "steps"} | ({"find": node.beginning} if node.beginning else {})
    return f"?{urlencode(asked)}#details"


def _say(step: PlanStep, now: datetime) -> str:
    match step.status:
        case StepStatus.RUNNING if step.claimed_at:
            return f"running {describe_duration(now - step.claimed_at)}"
        case StepStatus.WAITING:
            return describe_stage(step.stage)
        case StepStatus.AVAILABLE:
            return describe_wait(step.waits_for)
        # Of a step that grew others only the last claim is known here: collecting them, not the work itself.
        case StepStatus.SUCCEEDED if not step.stage:
            return f"succeeded {describe_span(step.claimed_at, step.finished_at)}".rstrip()
        case _:
            return step.status
