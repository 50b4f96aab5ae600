"""What the ticket page shows. Reads only; the decisions themselves are in `decisions.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.safestring import SafeString

from agents.domain.contract import strip_pin
from agents.selectors import find_contract
from escalation.admin.outlook import build_outlook
from escalation.admin.rendering import Passage, describe_value
from escalation.admin.ways import SNOOZES, place_ways
from escalation.admin.whole import view_part
from escalation.domain.difference import Change, find_changes
from escalation.domain.draft import Draft
from escalation.domain.fieldset import Node, fill, walk
from escalation.domain.form import form_fields, output_fields
from escalation.domain.sla import describe_duration, describe_time_left, grade_time_left
from escalation.escrow.rows import is_own_request
from escalation.models import Comment, PendingResolution, Ticket, read_clock
from escalation.selectors import (
    Received,
    Verdict,
    count_received,
    find_neighbours,
    find_spec,
    find_withheld,
    foresee_send_back,
    foresee_skips,
    list_attempts,
    list_comments,
    list_received,
    list_verdicts,
    read_plan,
)
from escalation.selectors.pending import find_pending_of
from orchestration.admin.visible import mark_unseen
from orchestration.conf import get_conf
from orchestration.domain.anew import ANEW_WORDS
from orchestration.domain.holds import HoldSubject, ask_about
from orchestration.domain.spec import Review
from orchestration.domain.states import ResolutionKind, StepKind
from orchestration.models import Attempt, Run
from orchestration.selectors.pending import Pending, PendingLine, list_letters, list_notes, load_pending
from orchestration.selectors.scope import call_as

# Background beyond this is for the run's own page.
_MOST_RECEIVED = 50
# What is longer is edited on a page of its own: no other decision sends it back and forth.
_MOST_EDITED_IN_PLACE = 50_000
_MOST_OF_A_CHANGE = 2_000
_MOST_LETTERS = 20


@dataclass(frozen=True, slots=True)
class ReceivedView:
    """What one predecessor handed over, ready to show."""

    title: str
    is_summary: bool
    is_hidden: bool
    tokens: int
    passages: list[Passage]

    @property
    def has_folded(self) -> bool:
        """Tell whether some of it is folded away."""
        return any(passage.is_folded for passage in self.passages)


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


def build_page(
    ticket: Ticket,
    user: User,
    *,
    may_decide: bool,
    draft: Draft | None = None,
    is_editing: bool = False,
    advances: bool = False,
) -> dict[str, Any]:
    """Return the page's context.

    Args:
        draft: what was just typed and refused; None shows the draft that was kept.
        is_editing: show the fields of the output however large they are.
        advances: the person came by taking the next ticket, and is given the one after it when this one is decided.
    """
    now = read_clock()
    plan = read_plan(ticket)
    spec = find_spec(ticket.step, plan)
    review = spec.review if spec else None
    withheld = find_withheld(ticket, user.pk)
    pending = find_pending_of(ticket)
    is_mine = ticket.is_open and pending is None and ticket.is_claimed_by(user.pk, now)
    received = list_received(ticket, user.pk, _MOST_RECEIVED)
    return {
        "ticket": ticket,
        "now": now,
        "question": ask(ticket, review),
        "reason": mark_unseen(ticket.reason),
        "proposal": view_part(ticket, "proposal", review),
        "task": view_part(ticket, "task"),
        "item": None if "item" in withheld else view_part(ticket, "item"),
        "withheld": withheld,
        "is_undo": ticket.step.kind == StepKind.COMPENSATION,
        "result": view_part(ticket, "output"),
        "confidence": "" if ticket.confidence is None else f"{ticket.confidence:.0%}",
        "grade": _grade(ticket, now),
        "feedback": mark_unseen(ticket.feedback),
        "note": mark_unseen(ticket.note),
        "time_left": describe_time_left(ticket.due_at, now),
        "run_url": find_run_url(ticket),
        "agent_description": _describe_agent(ticket.step.agent),
        "run_input": None if "input" in withheld else view_part(ticket, "input"),
        "received": [_view_received(item) for item in received],
        "received_unseen": 0 if len(received) < _MOST_RECEIVED else count_received(ticket) - _MOST_RECEIVED,
        "attempts": [_view_attempt(attempt) for attempt in list_attempts(ticket)],
        **_list_marks(ticket),
        "is_mine": is_mine,
        "holder": ticket.claimed_by if ticket.is_open and ticket.is_claimed(now) and not is_mine else None,
        "claim_left": describe_time_left(ticket.claim_expires_at, now) if ticket.claim_expires_at else "",
        "may_decide": may_decide,
        "is_own_request": is_own_request(ticket, user.pk),
        "is_refused": draft is not None,
        "advances": advances,
        "changes": _list_changes(ticket),
        "comments": [_view_comment(comment) for comment in list_comments(ticket)],
        "neighbours": find_neighbours(call_as(user), ticket),
        "verdicts": [_view_verdict(verdict) for verdict in list_verdicts(ticket)],
        "send_back": _describe_send_back(ticket),
        "skips_along": foresee_skips(ticket),
        **_list_effects(ticket),
        **_describe_done(ticket, pending, user, now),
        **build_outlook(ticket, user, plan, spec, now),
        **(_build_form(ticket, draft, is_editing=is_editing) if is_mine or draft else {}),
    }


def _list_effects(ticket: Ticket) -> dict[str, Any]:
    """Return what is sent and remembered once the held answer is approved as it stands."""
    waits = ticket.is_open and ticket.has_proposal and ticket.holds_step
    pending = load_pending(ticket.step_id, ticket.step.revision) if waits else Pending()
    return {
        name: {"count": len(lines), "lines": [_show_line(line) for line in lines[:_MOST_LETTERS]]}
        for name, lines in (("letters", list_letters(pending)), ("notes", list_notes(pending)))
    }


def _show_line(line: PendingLine) -> tuple[SafeString, Any]:
    return mark_unseen(line.words), describe_value(line.value)


def _list_marks(ticket: Ticket) -> dict[str, Any]:
    """Return what its clocks have left behind."""
    return {
        "breaches": list(ticket.breaches.all()),
        "pauses": list(ticket.pauses.all()) if ticket.paused_at else [],
        "alarms": list(ticket.alarms.all()),
        "deeds": list(ticket.breach_deeds.all()),
    }


def _describe_done(
    ticket: Ticket, pending: PendingResolution | None, user: User, now: datetime
) -> dict[str, Any]:
    return {
        "has_voted": ticket.own_seat is not None and ticket.own_seat.has_voted,
        "pending": pending,
        "is_own_decision": pending is not None and pending.decided_by_id == user.pk,
        "effect_left": describe_time_left(pending.takes_effect_at, now) if pending else "",
    }


def _grade(ticket: Ticket, now: datetime) -> str:
    if not ticket.is_open:
        return "closed"
    return grade_time_left(ticket.opened_at, ticket.due_at, ticket.decided_at or ticket.paused_at or now)


def _build_form(ticket: Ticket, draft: Draft | None, *, is_editing: bool) -> dict[str, Any]:
    """Return what the form of the decision shows; large fields only to those who want to edit them."""
    shown = Draft.from_json(ticket.draft_json) if draft is None else draft
    untouched = list_fields(ticket)
    fields = fill(untouched, shown.fields)
    is_large = sum(len(field.text) for field in walk(untouched)) > _MOST_EDITED_IN_PLACE
    return {
        "draft": shown,
        "fields": fields,
        "typed_fields": list(walk(fields)),
        **place_ways(ticket),
        "snoozes": SNOOZES.items(),
        "snooze_reasons": list(ticket.queue.snooze_reasons.all()),
        "shows_fields": is_editing or not is_large,
        "is_editing": is_editing,
        "is_edited": fields != untouched,
    }


def _describe_send_back(ticket: Ticket) -> str:
    anew = foresee_send_back(ticket)
    return ANEW_WORDS[anew] if anew else ""


def ask(ticket: Ticket, review: Review | None) -> str:
    """Return the question that the ticket puts, in words: the spec's own, where it has one."""
    if ticket.step.kind == StepKind.COMPENSATION and ticket.step.parent:
        return f"The run was aborted, and “{ticket.step.parent.key}” is not undone yet. What shall happen?"
    if ticket.is_question:
        return str(ticket.seen["question"])
    if review is not None and review.question and ticket.holds_step:
        return review.question
    return ask_about(HoldSubject(ticket.subject), ticket.step.key, has_proposal=ticket.has_proposal)


def list_fields(ticket: Ticket) -> list[Node]:
    """Return the fields in which the output is typed: the form's, or those of the agent's schema and its proposal."""
    if ticket.form is not None:
        return form_fields(ticket.form)
    return output_fields(find_output_schema(ticket), ticket.seen if ticket.has_proposal else None)


def find_output_schema(ticket: Ticket) -> Mapping[str, Any] | None:
    """Return the schema that the output of the ticket's agent is checked by; None: it declares none, or is not done."""
    if ticket.subject in {HoldSubject.QUESTION, HoldSubject.CALLS, HoldSubject.BUDGET}:
        return None
    contract = find_contract(strip_pin(ticket.step.agent))
    return contract.output_schema if contract else None


def find_run_url(ticket: Ticket) -> str:
    """Return the address of the run's page, "" when the console has none."""
    if not admin.site.is_registered(Run):
        return ""
    return reverse("admin:orchestration_run_change", args=(ticket.run_id,))


def _describe_agent(name: str) -> str:
    contract = find_contract(name)
    return contract.description if contract else ""


def _view_received(item: Received) -> ReceivedView:
    return ReceivedView(
        title=f"{item.step_key} ({item.agent})",
        is_summary=item.is_summary,
        is_hidden=item.is_hidden,
        tokens=item.tokens,
        passages=[] if item.is_hidden else describe_value(item.content),
    )


def _list_changes(ticket: Ticket) -> list[tuple[SafeString, SafeString, SafeString]]:
    """Return what the person who decided changed in the proposal: (place, before, after)."""
    if ticket.resolution != ResolutionKind.EDIT or not ticket.has_proposal:
        return []
    return show_changes(find_changes(ticket.seen, ticket.resolution_output))


def show_changes(changes: Sequence[Change]) -> list[tuple[SafeString, SafeString, SafeString]]:
    """Return differences ready to show: (place, before, after)."""
    return [(mark_unseen(one.place or "all of it"), _show(one.before), _show(one.after)) for one in changes]


def _show(text: str | None) -> SafeString:
    return SafeString("") if text is None else mark_unseen(text[:_MOST_OF_A_CHANGE])


def _view_comment(comment: Comment) -> tuple[Comment, SafeString]:
    return comment, mark_unseen(comment.text)


def _view_verdict(verdict: Verdict) -> tuple[str, bool, list[SafeString]]:
    return verdict.agent, verdict.passed, [mark_unseen(reason) for reason in verdict.reasons]


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
