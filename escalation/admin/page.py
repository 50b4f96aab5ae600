"""What the ticket page shows. Reads only; the decisions themselves are in `decisions.py`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.safestring import SafeString

from agents.selectors import find_contract
from escalation.admin.rendering import Passage, describe_value
from escalation.domain.draft import Draft
from escalation.domain.editing import EditField, split_fields
from escalation.domain.form import form_fields
from escalation.domain.sla import describe_duration, describe_time_left, grade_time_left
from escalation.models import Ticket, read_clock
from escalation.selectors import Received, count_received, foresee_send_back, list_attempts, list_received
from orchestration.admin.visible import mark_unseen
from orchestration.conf import get_conf
from orchestration.domain.anew import Anew
from orchestration.domain.states import StepKind
from orchestration.models import Attempt, Run

# Background beyond this is for the run's own page; what is approved is always shown whole.
_MOST_RECEIVED = 50
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class ReceivedView:
    """What one predecessor handed over, ready to show."""

    title: str
    is_summary: bool
    tokens: int
    passages: list[Passage]


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt, ready to show."""

    row: Attempt
    outcome: str
    took: str
    error: SafeString
    traceback: SafeString
    decision: SafeString
    flower_url: str


def build_page(ticket: Ticket, user: User, *, may_decide: bool, draft: Draft | None = None) -> dict[str, Any]:
    """Return the page's context.

    Args: draft: what was just typed and refused; None shows the draft that was kept.
    """
    now = read_clock()
    shown = Draft.from_json(ticket.draft_json) if draft is None else draft
    is_mine = ticket.is_open and ticket.is_claimed_by(user.pk, now)
    fields = fill_fields(ticket, shown.fields)
    return {
        "ticket": ticket,
        "now": now,
        "question": ask(ticket),
        "reason": mark_unseen(ticket.reason),
        "proposal": describe_value(ticket.seen) if ticket.has_proposal else [],
        "task": describe_value(_find_task(ticket)) if ticket.is_for_person else [],
        "item": _describe_item(ticket),
        "is_undo": ticket.step.kind == StepKind.COMPENSATION,
        "result": _describe_result(ticket),
        "confidence": "" if ticket.confidence is None else f"{ticket.confidence:.0%}",
        "grade": grade_time_left(ticket.opened_at, ticket.due_at, now) if ticket.is_open else "closed",
        "feedback": mark_unseen(ticket.feedback),
        "note": mark_unseen(ticket.note),
        "time_left": describe_time_left(ticket.due_at, now),
        "run_url": find_run_url(ticket),
        "agent_description": _describe_agent(ticket.step.agent),
        "run_input": describe_value(ticket.run.input),
        "received": [_view_received(item) for item in list_received(ticket, _MOST_RECEIVED)],
        "received_unseen": max(0, count_received(ticket) - _MOST_RECEIVED),
        "attempts": [_view_attempt(attempt) for attempt in list_attempts(ticket)],
        "breaches": list(ticket.breaches.all()),
        "is_mine": is_mine,
        "holder": ticket.claimed_by if ticket.is_open and ticket.is_claimed(now) and not is_mine else None,
        "claim_left": describe_time_left(ticket.claim_expires_at, now) if ticket.claim_expires_at else "",
        "may_decide": may_decide,
        "is_own_request": ticket.run.requested_by_id == user.pk,
        "draft": shown,
        "is_refused": draft is not None,
        "fields": fields,
        "send_back": _SEND_BACK_WORDS.get(foresee_send_back(ticket) or ""),
        "is_edited": not ticket.has_proposal or fields != fill_fields(ticket, {}),
    }


_SEND_BACK_WORDS: Mapping[str, str] = {
    Anew.SAME_KEY: "It goes on under the same idempotency key: what it had done outside before is not done twice.",
    Anew.NEW_KEY: "It does its work anew, under a new idempotency key: effects of the proposed work are made again.",
    Anew.COLLECTS: "What it grew is done and stays so: it only puts that together again, and no agent is called.",
    Anew.NEW_RUN: "Another child run starts from its beginning: effects of the former one are made again.",
}


def ask(ticket: Ticket) -> str:
    """Return the question that the ticket puts, in words."""
    if ticket.is_for_person:
        return f"The step “{ticket.step.key}” is yours to do."
    if ticket.step.kind == StepKind.COMPENSATION and ticket.step.parent:
        return f"The run was aborted, and “{ticket.step.parent.key}” is not undone yet. What shall happen?"
    if ticket.has_proposal:
        return f"May this be the result of the step “{ticket.step.key}”?"
    return f"The step “{ticket.step.key}” has no result. What shall happen?"


def fill_fields(ticket: Ticket, typed: Mapping[str, str]) -> list[EditField]:
    """Return the edit fields with what was typed, where something was."""
    return [replace(field, text=typed.get(field.name, field.text)) for field in list_fields(ticket)]


def list_fields(ticket: Ticket) -> list[EditField]:
    """Return the fields in which the output is typed: the form's, or those of what was proposed."""
    if ticket.form is not None:
        return form_fields(ticket.form)
    return split_fields(ticket.seen if ticket.has_proposal else None)


def _find_task(ticket: Ticket) -> Any:
    """Return what a step that people do is about: its input, and the item or output it belongs to."""
    seen = ticket.seen
    item = seen.get("item")
    return seen.get("input") if item is None else {"item": item, **seen.get("input", {})}


def _describe_item(ticket: Ticket) -> list[Passage]:
    """Return which item a step is about, or what it is to undo; a task shows it already."""
    item = ticket.step.item_json
    if item is None or ticket.is_for_person:
        return []
    return describe_value(json.loads(item), limit=_MOST_CHARACTERS)


def find_run_url(ticket: Ticket) -> str:
    """Return the address of the run's page, "" when the console has none."""
    if not admin.site.is_registered(Run):
        return ""
    return reverse("admin:orchestration_run_change", args=(ticket.run_id,))


def _describe_agent(name: str) -> str:
    contract = find_contract(name)
    return contract.description if contract else ""


def _describe_result(ticket: Ticket) -> list[Passage]:
    """Return what became the output, where that differs from what was proposed."""
    summary = ticket.resolution_output_json
    if summary is None or summary == ticket.seen_json:
        return []
    return describe_value(ticket.resolution_output)


def _view_received(item: Received) -> ReceivedView:
    return ReceivedView(
        title=f"{item.step_key} ({item.agent})",
        is_summary=item.is_summary,
        tokens=item.tokens,
        passages=describe_value(item.content, limit=_MOST_CHARACTERS),
    )


def _view_attempt(attempt: Attempt) -> AttemptView:
    decision = getattr(attempt, "decision", None)
    ended = attempt.finished_at
    flower = get_conf().FLOWER_URL
    return AttemptView(
        row=attempt,
        outcome=attempt.outcome or "running",
        took=describe_duration(ended - attempt.started_at) if ended else "",
        error=mark_unseen(f"{attempt.error_class}: {attempt.error_message}" if attempt.error_class else ""),
        traceback=mark_unseen(attempt.traceback_tail),
        decision=mark_unseen(f"{decision.kind} by rule {decision.rule}" if decision else ""),
        flower_url=f"{flower}/task/{attempt.task_id}" if flower and attempt.task_id else "",
    )
