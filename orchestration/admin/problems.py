"""What an operator must know first: the steps that failed or wait, why, and where to act."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration.admin.addresses import flower_task_url, step_url, ticket_url
from orchestration.admin.attempt_view import describe_error
from orchestration.admin.chips import chip
from orchestration.admin.visible import mark_unseen
from orchestration.admin.words import describe_duration, describe_rule
from orchestration.domain.states import RunStatus, StepStatus
from orchestration.models import Attempt, Run, Step
from orchestration.selectors.run_details import (
    TicketRef,
    find_latest_attempts,
    find_tickets,
    find_unserved_queues,
    list_troubled_steps,
)

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class TicketLink:
    """A step's ticket as a page links to it."""

    number: int
    url: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """One step that an operator must look at."""

    key: str
    url: str
    tone: str
    status: SafeString
    since: str
    why: SafeString
    rule: str
    rule_words: str
    error: SafeString
    traceback: SafeString
    flower_url: str
    ticket: TicketLink | None


@dataclass(frozen=True, slots=True)
class Problems:
    """The problems of a run, the worst first. `has_more`: not all are shown."""

    shown: list[Problem]
    has_more: bool
    unserved_queues: list[str]


def find_problems(request: HttpRequest, run: Run, now: datetime) -> Problems:
    """Return what keeps a run from going on, or made it fail."""
    if run.status == RunStatus.SUCCEEDED:
        return Problems([], has_more=False, unserved_queues=[])
    steps = list(list_troubled_steps(run.pk)[: _MOST_SHOWN + 1])
    attempts, tickets = find_latest_attempts(steps), find_tickets(steps)
    shown = [
        _describe(step, attempts.get(step.pk), link_ticket(request, tickets.get(step.pk)), now)
        for step in steps[:_MOST_SHOWN]
    ]
    queues = find_unserved_queues(run.pk) if run.status == RunStatus.RUNNING else []
    return Problems(shown, has_more=len(steps) > _MOST_SHOWN, unserved_queues=queues)


def link_ticket(_request: HttpRequest, ticket: TicketRef | None) -> TicketLink | None:
    """Return a ticket as a link."""
    if ticket is None:
        return None
    # Who sees a run sees its tickets: both belong to its project.
    return TicketLink(ticket.pk, ticket_url(ticket.pk), is_open=ticket.status == "open")


def _describe(step: Step, attempt: Attempt | None, ticket: TicketLink | None, now: datetime) -> Problem:
    decision = getattr(attempt, "decision", None)
    since = (attempt.finished_at or attempt.started_at) if attempt else step.dispatched_at
    return Problem(
        key=step.key,
        url=step_url(step.run_id, step.key),
        tone="waiting" if step.waits_for else step.status,
        status=chip("waiting", "waits for its agent") if step.waits_for else chip(step.status),
        since=_say_since(step, since, now) if since else "",
        why=_say_why(step, decision.reason if decision else "", now),
        rule=decision.rule if decision else "",
        rule_words=describe_rule(decision.rule) if decision else "",
        error=describe_error(attempt) if attempt else SafeString(""),
        traceback=mark_unseen(attempt.traceback_tail if attempt else ""),
        flower_url=flower_task_url(attempt.task_id) if attempt else "",
        ticket=ticket,
    )


def _say_since(step: Step, since: datetime, now: datetime) -> str:
    span = describe_duration(now - since)
    return f"{span} ago" if step.status == StepStatus.FAILED else f"for {span}"


def _say_why(step: Step, decided: str, now: datetime) -> SafeString:
    if step.waits_for:
        return format_html(
            "No worker that reads the queue “{}” has the agent “{}”. Start a worker that has it.",
            step.queue,
            step.agent,
        )
    if step.status == StepStatus.RETRYABLE and step.due_at:
        when = describe_duration(step.due_at - now) if step.due_at > now else "a moment"
        return format_html("Attempt {} failed; the next one starts in {}.", step.attempt, when)
    return mark_unseen(step.reason or decided or "No reason was recorded.")
