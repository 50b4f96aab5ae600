"""What a step's page shows: how it stands, what it gave, its attempts, what it received and passed on."""

from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration.admin.addresses import run_url, step_url
from orchestration.admin.attempt_view import view_attempt
from orchestration.admin.chips import chip
from orchestration.admin.paging import turn_page
from orchestration.admin.problems import link_ticket
from orchestration.admin.run_sections import view_event, view_handoff
from orchestration.admin.visible import mark_unseen, show_json
from orchestration.models import Run, Step
from orchestration.selectors import run_details

_ATTEMPTS_PER_PAGE = 20
_MOST_LINES = 100


def build_step_page(request: HttpRequest, run: Run, step: Step) -> dict[str, Any]:
    """Return the page's context."""
    before, after = run_details.list_neighbours(step)
    page = turn_page(request, run_details.list_step_attempts(step.pk), _ATTEMPTS_PER_PAGE)
    handoffs = run_details.list_handoffs(run.pk)
    return {
        "title": f"{step.key} · {run.workflow_name} · {str(run.pk)[:8]}",
        "run": run,
        "step": step,
        "run_url": run_url(run.pk),
        "status": chip(step.status),
        "reason": mark_unseen(step.reason),
        "feedback": mark_unseen(step.feedback),
        "ticket": link_ticket(request, run_details.find_tickets([step]).get(step.pk)),
        "before": [(key, step_url(run.pk, key)) for key in before],
        "after": [(key, step_url(run.pk, key)) for key in after],
        "page": page,
        "attempts": [view_attempt(attempt, step.key) for attempt in page.rows],
        "output": _show(step.output_json),
        # What was proposed is worth a look of its own only until it became the output.
        "proposed": _show(step.proposed_json if step.proposed_json != step.output_json else None),
        "received": [view_handoff(row) for row in handoffs.filter(to_step=step)[:_MOST_LINES]],
        "passed_on": [view_handoff(row) for row in handoffs.filter(from_step=step)[:_MOST_LINES]],
        "events": [
            view_event(event) for event in run_details.list_events(run.pk).filter(step=step)[:_MOST_LINES]
        ],
    }


def _show(stored: str | None) -> SafeString | None:
    return None if stored is None else show_json(stored)
