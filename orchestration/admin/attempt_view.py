"""An attempt with its decision, ready to show."""

import json
from dataclasses import dataclass

from django.utils.safestring import SafeString

from orchestration.admin.addresses import flower_task_url, step_url, worker_url
from orchestration.admin.chips import chip
from orchestration.admin.visible import mark_unseen, show_short
from orchestration.admin.words import describe_span
from orchestration.domain.policy.rules import describe_decision
from orchestration.models import Attempt, Decision
from orchestration.selectors.resolutions import find_resolution


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What the policy chose after an attempt, in words, with its rule.

    Attributes: resolved: what a person then decided; "" when nobody was asked, or nobody has.
    """

    words: str
    rule: str
    reason: SafeString
    inputs: SafeString
    resolved: str
    row: Decision


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt. Texts are escaped; addresses are "" where there is nothing to link to."""

    row: Attempt
    step_key: str
    step_url: str
    outcome: SafeString
    took: str
    worker: str
    worker_url: str
    agent: str
    usage: SafeString
    error: SafeString
    traceback: SafeString
    flower_url: str
    decision: DecisionView | None


def view_attempt(attempt: Attempt, step_key: str) -> AttemptView:
    """Return an attempt as pages show it. Its process and decision must be loaded."""
    process = attempt.process
    usage = attempt.used.line
    version = f" v{attempt.agent_version}" if attempt.agent_version is not None else ""
    return AttemptView(
        row=attempt,
        step_key=step_key,
        step_url=step_url(attempt.run_id, step_key),
        outcome=chip(attempt.outcome or "running"),
        took=describe_span(attempt.started_at, attempt.finished_at),
        worker=process.name if process else "",
        worker_url=worker_url(process.pk) if process else "",
        agent=f"{attempt.agent}{version}",
        usage=mark_unseen(show_short(usage)) if usage else SafeString(""),
        error=describe_error(attempt),
        traceback=mark_unseen(attempt.traceback_tail),
        flower_url=flower_task_url(attempt.task_id),
        decision=_view_decision(attempt),
    )


def describe_error(attempt: Attempt) -> SafeString:
    """Return the error's class and message, escaped; "" when there was none."""
    parts = [part for part in (attempt.error_class, attempt.error_message) if part]
    return mark_unseen(": ".join(parts))


def _view_decision(attempt: Attempt) -> DecisionView | None:
    decision: Decision | None = getattr(attempt, "decision", None)
    if decision is None:
        return None
    # The reason of a failure begins with its message, which stands beside it already.
    told = ": ".join(part for part in (attempt.error_class, attempt.error_message) if part)
    reason = decision.reason.removeprefix(told).removeprefix("; ")
    reason = "" if reason == attempt.error_message else reason
    resolution = find_resolution(decision, attempt.number)
    return DecisionView(
        words=describe_decision(decision.kind, decision.rule),
        rule=decision.rule,
        reason=mark_unseen(reason),
        inputs=mark_unseen(show_short(json.loads(decision.inputs_json))),
        resolved=resolution.words if resolution else "",
        row=decision,
    )
