"""What a step's page shows: how it stands, what it gave, its attempts, what it received and passed on."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration.admin.access import caller_of, has_right
from orchestration.admin.actors.of_runs import show_mail_of_step
from orchestration.admin.addresses import run_url, step_url
from orchestration.admin.attempt_view import view_attempt
from orchestration.admin.calls import show_calls
from orchestration.admin.chips import chip
from orchestration.admin.lines import view_handoff
from orchestration.admin.memory.of_runs import show_memory_of_step
from orchestration.admin.orders import order_url
from orchestration.admin.paging import turn_page
from orchestration.admin.picture import say_counts
from orchestration.admin.problems import link_ticket
from orchestration.admin.run_sections import show_unless, view_event
from orchestration.admin.visible import mark_unseen, show_json
from orchestration.domain.rights import Right
from orchestration.domain.states import StepKind
from orchestration.models import Run, Step
from orchestration.selectors import run_details
from orchestration.selectors.plan_rows import find_child_runs
from orchestration.selectors.withheld import RESTRICTED, UNTOLD, hides_item, withhold

_ATTEMPTS_PER_PAGE = 20
_MOST_LINES = 100
_MOST_PAST = 10


def build_step_page(request: HttpRequest, run: Run, step: Step) -> dict[str, Any]:
    """Return the page's context."""
    user_id = caller_of(request).user_id
    outputs = _show_outputs(step, user_id)
    calls = show_calls(request, step, user_id)
    has_calls = bool(calls["calls"]) or "calls" in request.GET
    before, after = run_details.list_neighbours(step)
    most = run_details.MOST_NEIGHBOURS
    page = turn_page(request, run_details.list_step_attempts(step.pk), _ATTEMPTS_PER_PAGE)
    return {
        "title": f"{step.key} · {run.workflow_name} · {str(run.pk)[:8]}",
        "run": run,
        "step": step,
        "run_url": run_url(run.pk),
        "status": chip(step.status),
        "reason": mark_unseen(step.reason),
        "feedback": mark_unseen(step.feedback),
        "ticket": link_ticket(request, run, run_details.find_tickets([step]).get(step.pk)),
        "before": [(key, step_url(run.pk, key)) for key in before[:most]],
        "after": [(key, step_url(run.pk, key)) for key in after[:most]],
        "has_more_before": len(before) > most,
        "has_more_after": len(after) > most,
        "parent": _link_parent(run, step),
        "grown": _link_grown(run, step),
        "child_run": _link_child_run(step),
        "item": _show_item(step, user_id),
        "fork_url": _find_fork_url(request, run, step),
        "page": page,
        "attempts": [view_attempt(attempt, step.key) for attempt in page.rows],
        **calls,
        **outputs,
        **show_mail_of_step(step, user_id, is_hidden="hidden" in outputs),
        "received": [view_handoff(row) for row in run_details.list_received(step)[:_MOST_LINES]],
        "passed_on": [view_handoff(row) for row in run_details.list_passed_on(step)[:_MOST_LINES]],
        "events": [view_event(event) for event in run_details.list_step_events(step)[:_MOST_LINES]],
        **show_memory_of_step(step, user_id, is_hidden="hidden" in outputs, has_calls=has_calls),
    }


def _show_item(step: Step, user_id: int | None) -> SafeString | None:
    if step.item_json is None:
        return None
    return show_unless(RESTRICTED if hides_item(step, user_id) else None, step.item_json)


def _show_outputs(step: Step, user_id: int | None) -> dict[str, Any]:
    """Return what the step gives, proposed, and gave before it was done anew; or why that is not shown."""
    past_outputs = list(run_details.list_past_outputs(step.pk)[:_MOST_PAST])
    texts = [step.output_json, step.proposed_json, *(past.output_json for past in past_outputs)]
    hidden = withhold({step.pk: texts}, user_id)
    if step.pk in hidden:
        return {"hidden": hidden[step.pk], "is_untold": hidden[step.pk] == UNTOLD}
    return {
        "output": _show(step.output_json),
        # What was proposed is worth a look of its own only until it became the output.
        "proposed": _show(step.proposed_json if step.proposed_json != step.output_json else None),
        "past_outputs": [(past, _show(past.output_json)) for past in past_outputs],
    }


def _link_parent(run: Run, step: Step) -> tuple[str, str] | None:
    if step.parent is None:
        return None
    return step.parent.key, step_url(run.pk, step.parent.key)


def _link_grown(run: Run, step: Step) -> tuple[str, str] | None:
    counts = run_details.count_grown(step)
    if not counts:
        return None
    beginning = f"{step.key}~{step.revision}" if step.revision else step.key
    return say_counts(counts), f"{run_url(run.pk)}?{urlencode({'show': 'steps', 'find': beginning})}#details"


def _link_child_run(step: Step) -> tuple[str, str, SafeString] | None:
    child = find_child_runs([step.pk]).get(step.pk)
    if child is None:
        return None
    return f"{child.workflow_name} {str(child.pk)[:8]}", run_url(child.pk), chip(child.status)


def _find_fork_url(request: HttpRequest, run: Run, step: Step) -> str:
    if step.kind != StepKind.PLANNED or not has_right(request, Right.RUN, run.project_id):
        return ""
    return f"{order_url(run, 'fork')}?{urlencode({'from_step': step.key})}"


def _show(stored: str | None) -> SafeString | None:
    return None if stored is None else show_json(stored)
