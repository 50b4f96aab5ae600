"""What happened in a run, as a person would tell it: what failed, what was decided and by which rule, who answered."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Final

from orchestration.domain.policy.rules import describe_decision, describe_rule
from orchestration.domain.states import AttemptOutcome, DecisionKind, StepKind
from orchestration.domain.verdicts import read_verdict
from orchestration.management.terminal import show_text, show_time
from orchestration.models import Attempt, Decision, Event, Step
from orchestration.selectors.account import Account
from orchestration.selectors.resolutions import read_resolutions

MOST_LINES: Final = 200
# What was decided must be read whatever the error says, which stands among the attempts.
_ERROR_WIDTH: Final = 160
_LINE_WIDTH: Final = 500
# What happens in every run is told by the plan; the story tells the rest.
_QUIET: Final = frozenset(
    {"no_confidence_asked", "confident", "items_done", "spawned_done", "for_each", "child_run_done"}
)
_RUN_LINES: Final = {
    "run_compensating": "The run was aborted; what it had done is undone, latest first",
    "run_cancelled": "The run was cancelled",
    "run_ended_early": "The run was ended early, as a success",
    "run_paused": "The run was paused",
    "run_resumed": "The run went on",
    "run_retried": "The run was tried again, in a new round",
}
OUTCOME_WORDS: Final[Mapping[AttemptOutcome | None, str]] = {
    None: "is at work",
    AttemptOutcome.ANSWERED: "answered",
    AttemptOutcome.EXPANDED: "grew further steps",
    AttemptOutcome.COLLECTED: "has what its steps gave",
    AttemptOutcome.ASKED: "is for people to do",
    AttemptOutcome.SUSPENDED: "stopped to wait",
    AttemptOutcome.FAILED: "failed",
    AttemptOutcome.CRASHED: "was cut off: its worker process ended, or could do nothing",
    AttemptOutcome.PASSED_OVER: "was passed over",
    AttemptOutcome.KEPT_AWAY: "was not called",
    AttemptOutcome.WITHDRAWN: "was called off",
}


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One thing that happened. `step`, `attempt`: empty for what happened to the run as a whole."""

    at: datetime
    step: str
    attempt: str
    words: str


def tell_story(account: Account) -> list[StoryLine]:
    """Return what a person should know of a run, in the order of its history, whatever the clock did meanwhile."""
    own: dict[tuple[int | None, int | None], list[Event]] = defaultdict(list)
    for event in account.events:
        own[event.step_id, event.attempt].append(event)
    lines = [placed for step in account.steps for placed in _tell_step(step, account, own)]
    lines += [(event.pk, _tell_event(event)) for event in account.events if event.kind in _RUN_LINES]
    return [line for _, line in sorted(lines, key=itemgetter(0))]


def story_rows(account: Account) -> list[tuple[str, ...]]:
    """Return the story as rows of a table; of a long one its end, which is where the run stands."""
    lines = tell_story(account)
    rows: list[tuple[str, ...]] = [
        (show_time(line.at), line.step, line.attempt, show_text(line.words, _LINE_WIDTH))
        for line in lines[-MOST_LINES:]
    ]
    more = len(lines) - len(rows)
    if more:
        rows.insert(0, ("", "", "", f"{more} earlier lines are left out; --json has all"))
    return rows


def _tell_step(
    step: Step, account: Account, own: Mapping[tuple[int | None, int | None], Sequence[Event]]
) -> Iterator[tuple[int, StoryLine]]:
    """Yield a step's lines, each with its place in the history. `own`: the history, by step and attempt."""
    for attempt in account.attempts.get(step.pk, ()):
        events = own[step.pk, attempt.number]
        decision: Decision | None = getattr(attempt, "decision", None)
        if decision is None or not _is_quiet(step, decision):
            moment = attempt.finished_at or attempt.started_at
            words = _tell_attempt(step, attempt, decision, of=account.keys.get(step.parent_id or 0, ""))
            # An attempt's first line is its claim, its second its end.
            lines = [event.pk for event in events[:2]] or [0]
            yield lines[-1 if attempt.outcome else 0], StoryLine(moment, step.key, str(attempt.number), words)
        for resolution in read_resolutions(events).values():
            line = StoryLine(resolution.at, step.key, str(attempt.number), f"{resolution.words}.")
            yield resolution.event_id, line


def _is_quiet(step: Step, decision: Decision) -> bool:
    is_own = step.kind in (StepKind.VERIFIER, StepKind.COMPENSATION)
    return decision.rule in _QUIET and not is_own and not step.fallbacks


def _tell_attempt(step: Step, attempt: Attempt, decision: Decision | None, *, of: str) -> str:
    """Return an attempt and its decision in words. `of`: the step that grew this one."""
    who = attempt.agent or "It"
    words = f"{who} {OUTCOME_WORDS[AttemptOutcome(attempt.outcome) if attempt.outcome else None]}"
    if attempt.error_message:
        words += f" ({show_text(_describe_error(attempt), _ERROR_WIDTH)})"
    if attempt.confidence is not None:
        words += f", {attempt.confidence:.0%} sure"
    if decision is None:
        return f"{words}."
    if step.kind == StepKind.VERIFIER and decision.kind == DecisionKind.ACCEPT:
        return f"{words}: {_tell_verdict(step)}."
    if step.kind == StepKind.COMPENSATION and decision.kind == DecisionKind.ACCEPT:
        return f"{words}: what '{of}' had done is undone."
    told = f"{words}. {describe_decision(decision.kind, decision.rule)} [{decision.rule}]."
    more = decision.reason.removeprefix(_describe_error(attempt)).removeprefix("; ")
    more = more.removeprefix(describe_rule(decision.rule)).removeprefix(": ")
    return told if more in ("", attempt.error_message) else f"{told} {more}"


def _tell_verdict(step: Step) -> str:
    passed, reasons = read_verdict(step.output)
    return "; ".join(["PASS" if passed else "FAIL", *reasons])


def _describe_error(attempt: Attempt) -> str:
    return ": ".join(part for part in (attempt.error_class, attempt.error_message) if part)


def _tell_event(event: Event) -> StoryLine:
    said = json.loads(event.data_json)
    more = [f"by {said['by']}" if said.get("by") else "", str(said.get("reason") or "")]
    words = ": ".join(part for part in (_RUN_LINES[event.kind], *more) if part)
    return StoryLine(event.at, "", "", words if words.endswith(".") else f"{words}.")
