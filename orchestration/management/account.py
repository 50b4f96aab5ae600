"""One run's account in words and as JSON: what `show_run` prints. The fields' names are stable."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from orchestration.domain.policy.rules import describe_decision
from orchestration.domain.states import RunStatus, StepStatus
from orchestration.domain.waits import WaitsFor
from orchestration.management.calls import CALL_HEAD, call_rows, describe_call
from orchestration.management.context import say_tokens
from orchestration.management.family import (
    child_rows,
    describe_family,
    describe_past,
    past_rows,
    tell_family,
)
from orchestration.management.story import StoryLine, story_rows, tell_story
from orchestration.management.terminal import show_table, show_text, show_time
from orchestration.models import Attempt, Decision, Event, Handoff, Step
from orchestration.selectors.account import Account
from orchestration.selectors.leads import find_leadership, waits_for_maintainer
from orchestration.selectors.offers import find_waited_builds
from orchestration.selectors.progress import WAITING, RunWithState
from orchestration.selectors.resolutions import Resolution, read_resolutions


def describe_account(run: RunWithState, account: Account) -> dict[str, Any]:
    """Return a run's account as JSON values."""
    resolutions = read_resolutions(account.events)
    return {
        "id": str(run.pk),
        "workflow": run.workflow_name,
        "version": run.workflow.version,
        "state": run.state,
        "round": run.round,
        "idempotency_key": run.idempotency_key,
        "requested_by": run.requested_by.get_username() if run.requested_by else None,
        "reason": run.reason,
        "created_at": run.created_at.isoformat(),
        "finished_at": _moment(run.finished_at),
        "usage": account.used.line,
        "input": run.input,
        **describe_family(run, account),
        "steps": [_describe_step(step, account, resolutions) for step in account.steps],
        "handoffs": [_describe_handoff(handoff, account.keys) for handoff in account.handoffs],
        "calls": [describe_call(call, account.keys) for call in account.calls],
        "events": [_describe_event(event, account.keys) for event in account.events],
        "story": [_describe_line(line) for line in tell_story(account)],
        "next": suggest_next(run, account),
    }


def list_texts(account: Account) -> dict[int, list[str | None]]:
    """Return, by step, the stored texts that an account shows whole as JSON: proposals and outputs, past ones too."""
    return {
        step.pk: [
            step.proposed_json,
            step.output_json,
            *(past.output_json for past in account.past_outputs.get(step.pk, ())),
        ]
        for step in account.steps
    }


def write_account(run: RunWithState, account: Account) -> Iterator[str]:
    """Yield a run's account as lines."""
    yield f"{run.workflow} run {run.pk}"
    yield f"{run.state}, created {show_time(run.created_at)}, finished {show_time(run.finished_at)} (UTC)"
    if run.reason:
        yield f"reason: {show_text(run.reason)}"
    yield from tell_family(run, account)
    if account.used:
        yield f"used: {account.used.words}"
    yield f"input: {show_text(run.input_json)}"
    yield from _section(
        "PLAN", ("STEP", "STATUS", "AGENT", "WAITS FOR", "TRIES", "REASON"), _plan_rows(account)
    )
    yield from _section("CHILD RUNS", ("STEP", "RUN", "WORKFLOW", "STATUS", "ROUND"), child_rows(account))
    yield from _section(
        "PAST OUTPUTS", ("STEP", "ROUND", "REVISION", "STATUS", "UNTIL", "DIGEST"), past_rows(account)
    )
    yield from _section("STORY", ("AT", "STEP", "NO", "WHAT HAPPENED"), story_rows(account))
    yield from _section(
        "ATTEMPTS",
        ("STEP", "NO", "AGENT", "WORKER", "STARTED", "ENDED", "OUTCOME", "DECISION", "WHY", "TASK ID"),
        _attempt_rows(account),
    )
    yield from _section("HAND-OFFS", ("FROM", "TO", "NO", "TOKENS", "DIGEST"), _handoff_rows(account))
    yield from _section("CALLS", CALL_HEAD, call_rows(account.calls, account.keys))
    yield from _section("EVENTS", ("AT", "STEP", "NO", "WHAT", "MORE"), _event_rows(account))
    yield f"\nnext: {suggest_next(run, account)}"


def suggest_next(run: RunWithState, account: Account) -> str:
    """Return what a person can do for the run now."""
    hint = _suggest_by_steps(run, account)
    if run.finished_at is not None:
        return hint or f"nothing to do; `manage.py verify_run {run.pk}` proves what is shown here"
    leadership = find_leadership()
    is_waited_for = any(waits_for_maintainer(step, leadership.read_at) for step in account.steps)
    if leadership.trouble and (is_waited_for or not hint):
        return f"{hint}; {leadership.trouble}" if hint else leadership.trouble
    return hint or "nothing to do but wait; if nothing moves, see that a worker is running"


def _suggest_by_steps(run: RunWithState, account: Account) -> str:
    """Return what to do about the first thing that a step waits for; "" when none waits for anything but time."""
    held = [step.key for step in account.steps if step.status == StepStatus.HELD]
    strangers = sorted({step.agent for step in account.steps if step.waits_for == WaitsFor.AGENT})
    if held:
        # What is not undone yet stands behind what is held.
        is_stuck = run.state in {WAITING, RunStatus.COMPENSATING}
        word = "only people can move it" if is_stuck else "meanwhile the rest goes on"
        return f"{', '.join(held)} held for a person, {word}: `manage.py list_tickets`"
    if strangers:
        builds = dict.fromkeys(find_waited_builds(account.steps).values())
        return " ".join(
            (f"no worker that is running knows {', '.join(strangers)}: start one that does.", *builds)
        ).rstrip(".")
    return _suggest_waiting(account)


def _suggest_waiting(account: Account) -> str:
    """Return what to do about steps that wait for slots, a breaker or people; "" when none does."""
    kept_away = sorted(
        {step.waits_on or step.agent for step in account.steps if step.waits_for == WaitsFor.BREAKER}
    )
    pools = {
        pool
        for step in account.steps
        if step.waits_for in {WaitsFor.POOL, WaitsFor.SLOT}
        for pool in step.pools
    }
    if kept_away:
        return (
            f"{', '.join(kept_away)} failed too often, and steps wait until they may call again: "
            "`manage.py breakers` says when"
        )
    held_back = sorted({step.agent for step in account.steps if step.waits_for == WaitsFor.REVIEWERS})
    if held_back:
        return (
            f"{', '.join(held_back)} waits until people keep up with their tickets: `manage.py queue_report` says how "
            "far behind they are"
        )
    if pools:
        return f"steps wait for slots of {', '.join(sorted(pools))}: `manage.py pools` shows who holds them"
    return ""


def _section(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield f"\n{title}"
        yield from show_table(headings, rows, indent="  ")


def _plan_rows(account: Account) -> list[tuple[str, ...]]:
    return [
        (
            step.key,
            step.status,
            step.agent,
            ", ".join(account.keys[edge.predecessor_id] for edge in account.edges.get(step.pk, ())) or "-",
            str(step.attempt),
            show_text(step.reason, 100),
        )
        for step in account.steps
    ]


def _attempt_rows(account: Account) -> list[tuple[str, ...]]:
    return [
        (
            step.key,
            str(attempt.number),
            attempt.agent or "-",
            attempt.process.name if attempt.process else "-",
            show_time(attempt.started_at),
            show_time(attempt.finished_at),
            attempt.outcome or "under way",
            _say_decision(_find_decision(attempt)),
            show_text(
                f"{attempt.error_class}: {attempt.error_message}"
                if attempt.error_class
                else attempt.error_message,
                80,
            )
            or "-",
            attempt.task_id,
        )
        for step in account.steps
        for attempt in account.attempts.get(step.pk, ())
    ]


def _handoff_rows(account: Account) -> list[tuple[str, ...]]:
    return [
        (
            show_text(handoff.source, 60) if handoff.source else account.keys[handoff.from_step_id],
            account.keys[handoff.to_step_id],
            str(handoff.attempt.number),
            say_tokens(handoff),
            handoff.digest[:12],
        )
        for handoff in account.handoffs
    ]


def _event_rows(account: Account) -> list[tuple[str, ...]]:
    return [
        (
            show_time(event.at),
            account.keys.get(event.step_id or 0, "-"),
            str(event.attempt or "-"),
            event.kind,
            "" if event.data_json == "{}" else show_text(event.data_json, 120),
        )
        for event in account.events
    ]


def _find_decision(attempt: Attempt) -> Decision | None:
    return getattr(attempt, "decision", None)


def _say_decision(decision: Decision | None) -> str:
    return "-" if decision is None else str(decision)


def _describe_step(
    step: Step, account: Account, resolutions: Mapping[tuple[int, int], Resolution]
) -> dict[str, Any]:
    before = account.edges.get(step.pk, ())
    return {
        "key": step.key,
        "kind": step.kind,
        "agent": step.agent,
        "fallbacks": step.fallbacks,
        "accepted_by": step.accepted_by,
        "queue": step.queue,
        "status": step.status,
        "needs": [account.keys[edge.predecessor_id] for edge in before if edge.carries_data],
        "after": [account.keys[edge.predecessor_id] for edge in before if not edge.carries_data],
        "revision": step.revision,
        "feedback": step.feedback,
        "failures": step.failures,
        "crashes": step.crashes,
        "dispatches": step.dispatches,
        "dispatched_at": _moment(step.dispatched_at),
        "waits_for": step.waits_for,
        "due_at": _moment(step.due_at),
        "reason": step.reason,
        "skip_reason": step.skip_reason,
        "proposed": step.proposed,
        "output": step.output,
        "output_digest": step.output_digest,
        "output_tokens": step.output_tokens,
        "receipt_digest": step.receipt_digest,
        "finished_at": _moment(step.finished_at),
        "past_outputs": [describe_past(past) for past in account.past_outputs.get(step.pk, ())],
        "attempts": [
            _describe_attempt(attempt, resolutions.get((step.pk, attempt.number)))
            for attempt in account.attempts.get(step.pk, ())
        ],
    }


def _describe_attempt(attempt: Attempt, resolution: Resolution | None) -> dict[str, Any]:
    decision = _find_decision(attempt)
    return {
        "number": attempt.number,
        "worker": attempt.process.name if attempt.process else None,
        "task_id": attempt.task_id,
        "started_at": attempt.started_at.isoformat(),
        "finished_at": _moment(attempt.finished_at),
        "outcome": attempt.outcome,
        "agent": attempt.agent,
        "agent_version": attempt.agent_version,
        "confidence": attempt.confidence,
        "usage": attempt.used.line,
        "failure_kind": attempt.failure_kind,
        "error_class": attempt.error_class,
        "error_message": attempt.error_message,
        "traceback_tail": attempt.traceback_tail,
        "decision": decision
        and {
            "kind": decision.kind,
            "rule": decision.rule,
            "reason": decision.reason,
            "words": describe_decision(decision.kind, decision.rule),
            "inputs": json.loads(decision.inputs_json),
            "due_at": _moment(decision.due_at),
            "decided_at": decision.decided_at.isoformat(),
            "resolved": resolution and _describe_resolution(resolution),
        },
    }


def _describe_resolution(resolution: Resolution) -> dict[str, Any]:
    return {
        "resolution": resolution.kind,
        "by": resolution.by,
        "at": resolution.at.isoformat(),
        "overturns": resolution.overturns,
    }


def _describe_handoff(handoff: Handoff, keys: dict[int, str]) -> dict[str, Any]:
    return {
        "from": keys[handoff.from_step_id],
        "to": keys[handoff.to_step_id],
        "attempt": handoff.attempt.number,
        "tokens_before": handoff.tokens_before,
        "tokens_after": handoff.tokens_after,
        "original_digest": handoff.original_digest,
        "digest": handoff.digest,
        "summarised_by": handoff.summarised_by,
        "loss": handoff.loss,
        "kind": handoff.kind,
        "pointer": handoff.pointer,
        "recalled": handoff.source,
        "handed_at": handoff.handed_at.isoformat(),
    }


def _describe_line(line: StoryLine) -> dict[str, str]:
    return {"at": line.at.isoformat(), "step": line.step, "attempt": line.attempt, "words": line.words}


def _describe_event(event: Event, keys: dict[int, str]) -> dict[str, Any]:
    return {
        "id": event.pk,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "step": keys.get(event.step_id or 0),
        "attempt": event.attempt,
        "data": json.loads(event.data_json),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
