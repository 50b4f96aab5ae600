"""What would have been decided: stored decisions made again by today's rules, and by numbers changed on paper.

Reads only. Each decision is made again by itself, from what the policy saw then; what would have come after another
decision is not known.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from orchestration.domain.plan import resolve_spec
from orchestration.domain.policy import Decision as Made
from orchestration.domain.policy import Situation, decide
from orchestration.domain.policy.changes import EVERY_STEP, Changes
from orchestration.domain.policy.inputs import Tried, load_outcome, load_situation
from orchestration.domain.spec import StepSpec
from orchestration.domain.states import DecisionKind, StepKind
from orchestration.domain.tries import find_first_try
from orchestration.errors import SpecInvalid
from orchestration.models import Decision
from orchestration.planning import load_plan
from orchestration.selectors.proof import load_earlier_tries

_OF_ENGINE = (StepKind.VERIFIER, StepKind.COMPENSATION, StepKind.SUMMARY)


@dataclass(frozen=True, slots=True)
class ReplayLine:
    """What was decided for one step of a workflow, and what would be now.

    Attributes: old_agent, new_agent: who is asked next, of a fallback.  example: a decision of the sort.
    """

    workflow: str
    step: str
    old_rule: str
    old_kind: str
    old_agent: str
    new_rule: str
    new_kind: str
    new_agent: str
    count: int
    example: str

    @property
    def is_changed(self) -> bool:
        """Return whether anything else would have been done."""
        old = (self.old_rule, self.old_kind, self.old_agent)
        return old != (self.new_rule, self.new_kind, self.new_agent)


@dataclass(frozen=True, slots=True)
class Replay:
    """All lines, those that change first.

    Attributes: untold: decisions whose inputs or spec tell too little to make them again.
        unmatched: steps that the changes name and that no decision was about.
    """

    lines: list[ReplayLine]
    untold: int
    unmatched: list[str]


@dataclass(frozen=True, slots=True)
class _Pair:
    workflow: str
    step: str
    old: tuple[str, str, str]
    new: tuple[str, str, str]


def replay_decisions(since: datetime, changes: Changes, workflow: str | None = None) -> Replay:
    """Make the decisions since a moment again by a changed policy.

    Raises: SpecInvalid: the changes make a step's spec invalid.
    """
    counts: Counter[_Pair] = Counter()
    examples: dict[_Pair, str] = {}
    untold = 0
    for row in _read(since, workflow):
        inputs = json.loads(row.inputs_json)
        if isinstance(inputs.get("outcome"), dict) and inputs["outcome"].get("type") in _NOT_DECIDED:
            continue
        again = _decide_again(row, inputs, changes)
        if again is None:
            untold += 1
            continue
        asked, made = again
        old, new = (row.rule, row.kind, asked), (made.rule, made.kind.value, made.agent)
        pair = _Pair(row.run.workflow_name, row.step.spec_key, old, new)
        counts[pair] += 1
        examples.setdefault(pair, f"{row.run_id} {row.step.key} {row.attempt.number}")
    lines = [
        ReplayLine(pair.workflow, pair.step, *pair.old, *pair.new, count, examples[pair])
        for pair, count in counts.items()
    ]
    lines.sort(key=lambda line: (not line.is_changed, line.workflow, line.step, -line.count, line.old_rule))
    unmatched = set(changes.steps) - {EVERY_STEP} - {pair.step for pair in counts}
    return Replay(lines, untold, sorted(unmatched))


_NOT_DECIDED = frozenset(
    {"passed_over", "growth", "child_run", "ask_person", "collected", "withdrawn", "summary_under_way"}
)
"""Endings on which every policy decides alike."""


def _read(since: datetime, workflow: str | None) -> Iterator[Decision]:
    rows = Decision.objects.filter(decided_at__gte=since)
    if workflow is not None:
        rows = rows.filter(run__workflow_name=workflow)
    return rows.select_related("attempt", "step", "run", "run__workflow").order_by("id").iterator(2_000)


def _decide_again(row: Decision, inputs: dict[str, Any], changes: Changes) -> tuple[str, Made] | None:
    """Return whom a fallback had asked, and the decision as it would be made now; None when too little is told."""
    attempt = row.attempt
    tried = Tried(attempt.agent, attempt.agent_version, attempt.error_class, attempt.error_message)
    situation, outcome = load_situation(inputs), load_outcome(inputs, tried)
    spec = _find_spec(row)
    if situation is None or outcome is None or spec is None:
        return None
    following = spec.fallback[situation.fallbacks :] if row.kind == DecisionKind.FALLBACK else ()
    asked = next(iter(following), "")
    if row.step.kind not in _OF_ENGINE:
        changed = changes.change_step(spec)
        if changed.deadline_seconds != spec.deadline_seconds:
            situation = replace(situation, seconds_left=_count_seconds_left(row, spec, changed, situation))
        spec = changed
    return asked, decide(outcome, spec, changes.change_situation(situation))


def _count_seconds_left(
    row: Decision, spec: StepSpec, changed: StepSpec, situation: Situation
) -> float | None:
    """Return the seconds that another deadline of the step would have left; the run's own stays as it was."""
    left = []
    if spec.deadline_seconds is None and situation.seconds_left is not None:
        left.append(situation.seconds_left)
    elif row.run.deadline_at is not None:
        left.append((row.run.deadline_at - row.decided_at).total_seconds())
    if changed.deadline_seconds is not None:
        earlier = load_earlier_tries(row.step_id, row.attempt.number).lines
        first = find_first_try(earlier, row.attempt.started_at)
        left.append(changed.deadline_seconds - (row.decided_at - first).total_seconds())
    return min(left, default=None)


@lru_cache(maxsize=32)
def _load_steps(workflow_id: int, digest: str) -> dict[str, StepSpec]:
    return load_plan(workflow_id, digest)[0].step_map


def _find_spec(row: Decision) -> StepSpec | None:
    step, version = row.step, row.run.workflow
    try:
        steps = _load_steps(version.pk, version.digest)
        return resolve_spec(steps, StepKind(step.kind), step.spec_key, step.spec_json, step.agent)
    except (SpecInvalid, KeyError):
        return None
