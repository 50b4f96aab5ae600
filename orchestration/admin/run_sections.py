"""The sections of a run's page. Each loads one page of its own rows, and only when it is the one shown."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orchestration import runs
from orchestration.admin.access import caller_of
from orchestration.admin.actors.of_runs import build_mail
from orchestration.admin.addresses import run_url, step_url, worker_url
from orchestration.admin.attempt_view import view_attempt
from orchestration.admin.budgets import view_pots
from orchestration.admin.calls import list_live_calls, view_calls
from orchestration.admin.chips import chip, show_excerpt, show_progress, state_chip
from orchestration.admin.lineage import build_lines
from orchestration.admin.lines import view_handoff
from orchestration.admin.memory.of_runs import build_memory
from orchestration.admin.paging import turn_page
from orchestration.admin.problems import TicketLink, link_ticket
from orchestration.admin.run_context import build_context
from orchestration.admin.signals import view_signals, view_waits
from orchestration.admin.visible import mark_unseen, show_json, show_short
from orchestration.admin.words import count_done, describe_event, describe_span
from orchestration.domain.states import Stage
from orchestration.journal.reading import list_awaited, list_calls, list_signals
from orchestration.models import Attempt, Event, Run, Step
from orchestration.selectors import run_details
from orchestration.selectors.kin import list_child_runs
from orchestration.selectors.lineage_subjects import About
from orchestration.selectors.withheld import RESTRICTED, UNTOLD, hides_input, withhold

_STEPS_PER_PAGE = 50
_ATTEMPTS_PER_PAGE = 25
_LINES_PER_PAGE = 100
_MOST_ENDS = 10
_MOST_LIVE = 20
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step in the table of steps. `depth`: steps above it, as far as lines are set in."""

    row: Step
    depth: int
    url: str
    status: SafeString
    took: str
    worker: str
    worker_url: str
    reason: SafeString
    ticket: TicketLink | None


@dataclass(frozen=True, slots=True)
class ChildLine:
    """A run that a step of this one waits for, or waited for."""

    name: str
    url: str
    step: str
    step_url: str
    state: SafeString
    progress: SafeString
    started_at: datetime
    took: str
    reason: SafeString


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line of the history."""

    row: Event
    words: str
    url: str
    data: SafeString


@dataclass(frozen=True, slots=True)
class ValueView:
    """A stored JSON value under a heading."""

    title: str
    url: str
    text: SafeString


def build_steps(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return the table of steps; `?find=` narrows it to keys that begin so, `?status=` to a status."""
    # PostgreSQL can't hold a NUL; no key or status has a blank.
    beginning, status = (request.GET.get(name, "").replace("\x00", " ") for name in ("find", "status"))
    steps = run_details.list_step_tree(run.pk, beginning=beginning)
    page = turn_page(request, steps.filter(status=status) if status else steps, _STEPS_PER_PAGE)
    attempts, tickets = run_details.find_latest_attempts(page.rows), run_details.find_tickets(page.rows)
    lines = [
        _view_step(step, attempts.get(step.pk), link_ticket(request, run, tickets.get(step.pk)))
        for step in page.rows
    ]
    query = {name: value for name, value in (("find", beginning), ("status", status)) if value}
    return {"page": page, "lines": lines, "find": beginning, "status": status, "query": urlencode(query)}


def build_attempts(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return the attempts with their decisions, in the order in which they started."""
    page = turn_page(request, run_details.list_attempts(run.pk), _ATTEMPTS_PER_PAGE)
    return {"page": page, "attempts": [view_attempt(attempt, attempt.step.key) for attempt in page.rows]}


def build_calls(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return what the agents called, in the order in which the calls began; before them what is asked right now."""
    page = turn_page(request, list_calls(run_id=run.pk).defer(None), _ATTEMPTS_PER_PAGE)
    shown = {call.pk for call in page.rows}
    live = [call for call in list_live_calls(run.pk)[:_MOST_LIVE] if call.pk not in shown]
    user_id = caller_of(request).user_id
    return {"page": page, "calls": view_calls(page.rows, user_id), "live": view_calls(live, user_id)}


def build_signals(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return what the run's steps wait for, and the signals that came, in their order."""
    page = turn_page(request, list_signals(run.pk), _LINES_PER_PAGE)
    waits = list_awaited(run_id=run.pk)[:_LINES_PER_PAGE]
    return {"page": page, "signals": view_signals(page.rows), "waits": view_waits(list(waits))}


def build_budget(_request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return the budgets of the run's tree."""
    return {"pots": view_pots(run)}


def build_handoffs(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return the hand-offs in the order in which they happened."""
    page = turn_page(request, run_details.list_handoffs(run.pk), _LINES_PER_PAGE)
    return {"page": page, "lines": [view_handoff(handoff) for handoff in page.rows]}


def build_children(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return the child runs in the order in which they were started."""
    page = turn_page(request, list_child_runs(run.pk), _LINES_PER_PAGE)
    ids = [child.pk for child in page.rows]
    states, counts = run_details.find_states(ids), run_details.count_steps(ids)
    lines = [_view_child(child, states[child.pk], counts[child.pk]) for child in page.rows]
    return {"page": page, "lines": lines}


def build_history(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return the events in order."""
    page = turn_page(request, run_details.list_events(run.pk), _LINES_PER_PAGE)
    return {"page": page, "lines": [view_event(event) for event in page.rows]}


def build_trace(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return all that happened to the run in one order, narrowed as the form of the page says."""
    return build_lines(request, run, {"about": About.RUN, "name": str(run.pk)}, "show=trace&")


def build_data(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return what the run was given and what its last steps gave."""
    user_id = caller_of(request).user_id
    ends = list(run_details.list_ends(run.pk)[: _MOST_ENDS + 1])
    given = [step for step in ends[:_MOST_ENDS] if step.output_json is not None]
    hidden = withhold({step.pk: [step.output_json] for step in given}, user_id)
    results = [
        ValueView(step.key, step_url(run.pk, step.key), show_unless(hidden.get(step.pk), step.output_json))
        for step in given
    ]
    why = RESTRICTED if hides_input(run, user_id) else None
    has_more = len(ends) > _MOST_ENDS
    return {
        "run_input": show_unless(why, run.input_json),
        "results": results,
        "has_more": has_more,
        "is_untold": UNTOLD in hidden.values(),
    }


def build_proof(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return the seal, and with `?verify=now` what recomputing the proof finds."""
    seal = run.seals.filter(round=run.round).first()
    asked = request.GET.get("verify") == "now"
    return {"seal": seal, "verdict": runs.verify(run.pk) if asked else None}


SECTIONS: dict[str, tuple[str, Callable[[HttpRequest, Run], dict[str, Any]]]] = {
    "steps": ("Steps", build_steps),
    "attempts": ("Attempts and decisions", build_attempts),
    "calls": ("Calls", build_calls),
    "signals": ("Waits and signals", build_signals),
    "context": ("Context", build_context),
    "budget": ("Budget", build_budget),
    "handoffs": ("Hand-offs", build_handoffs),
    "mail": ("Mail", build_mail),
    "memory": ("Memory", build_memory),
    "children": ("Child runs", build_children),
    "history": ("History", build_history),
    "trace": ("Trace", build_trace),
    "data": ("Input and results", build_data),
    "proof": ("Proof", build_proof),
}
"""By the name that `?show=` gives: heading and builder."""


def show_unless(why: str | None, stored: str | None) -> SafeString:
    """Return a stored value, or why it is not shown."""
    return mark_unseen(f"Not shown: {why}.") if why else show_json(stored or "null")


def view_event(event: Event) -> EventLine:
    """Return a line of the history as a table shows it. Its step must be loaded."""
    data = json.loads(event.data_json)
    return EventLine(
        row=event,
        words=describe_event(event.kind),
        url=step_url(event.run_id, event.step.key) if event.step else "",
        data=mark_unseen(show_short(data)) if data else SafeString(""),
    )


def _view_child(child: Run, state: str, counts: dict[str, int]) -> ChildLine:
    step = child.parent_step.key if child.parent_step else ""
    return ChildLine(
        name=str(child),
        url=run_url(child.pk),
        step=step,
        step_url=step_url(child.parent_step.run_id, step) if child.parent_step else "",
        state=state_chip(state),
        progress=show_progress(*count_done(counts)),
        started_at=child.created_at,
        took=describe_span(child.created_at, child.finished_at),
        reason=show_excerpt(child.reason),
    )


def _view_step(step: Step, attempt: Attempt | None, ticket: TicketLink | None) -> StepLine:
    process = attempt.process if attempt else None
    # Of a step that grew others the latest attempt only collected them: its time is not what the step took.
    timed = attempt if step.stage == Stage.FRESH else None
    return StepLine(
        row=step,
        depth=min(step.depth, _DEEPEST),
        url=step_url(step.run_id, step.key),
        status=chip(step.status),
        took=describe_span(timed.started_at, timed.finished_at) if timed else "",
        worker=process.name if process else "",
        worker_url=worker_url(process.pk) if process else "",
        reason=mark_unseen(step.reason),
        ticket=ticket,
    )
