"""What happened to a run, a step or an actor: history, decisions, hand-offs, calls, waits and mail, in one order."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from orchestration.domain.policy.rules import describe_decision
from orchestration.domain.states import HandoffKind
from orchestration.models import Actor, LineageKind, LineageLine, Run
from orchestration.selectors.kin import walk_down
from orchestration.selectors.run_details import LARGE_OF_STEP


@dataclass(frozen=True, slots=True)
class LineageQuery:
    """Which lines somebody wants.

    Attributes: run: of this run; or of the turns of an actor.  below: those of all runs below it too.
        step: a step's key.  agent: of the step's agent.  since: from then on.  until: before then.
    """

    run: Run | Actor
    below: bool = False
    step: str = ""
    agent: str = ""
    kinds: Collection[str] = ()
    since: datetime | None = None
    until: datetime | None = None


MOST_TURNS: Final = 2_000
"""Of an actor, the latest; a time range finds those before."""


def list_lineage(asked: LineageQuery) -> QuerySet[LineageLine]:
    """Return the lines that were asked for, the oldest first; always of known runs, so that indexes find them."""
    runs = _find_runs(asked)
    lines = LineageLine.objects.filter(run__in=runs)
    if asked.step:
        lines = lines.filter(step__key=asked.step)
    if asked.agent:
        lines = lines.filter(step__agent=asked.agent)
    if asked.kinds:
        lines = lines.filter(kind__in=asked.kinds)
    if asked.since:
        lines = lines.filter(at__gte=asked.since)
    if asked.until:
        lines = lines.filter(at__lt=asked.until)
    return lines.select_related("step").defer(*(f"step__{name}" for name in LARGE_OF_STEP))


def _find_runs(asked: LineageQuery) -> list[UUID]:
    if isinstance(asked.run, Actor):
        turns = Run.objects.filter(actor=asked.run)
        if asked.since:
            turns = turns.exclude(finished_at__lt=asked.since)
        if asked.until:
            turns = turns.filter(created_at__lt=asked.until)
        return list(turns.order_by("-created_at").values_list("pk", flat=True)[:MOST_TURNS])
    return list(walk_down(asked.run.pk)) if asked.below else [asked.run.pk]


def tell_line(line: LineageLine) -> str:
    """Return a line in words."""
    said: dict[str, Any] = json.loads(line.data_json)
    match line.kind:
        case LineageKind.DECISION:
            reason = f": {said['reason']}" if said["reason"] else ""
            return f"decided: {describe_decision(said['kind'], line.name)}{reason}"
        case LineageKind.HANDOFF:
            return _tell_handoff(line, said)
        case LineageKind.CALL:
            used = f", {said['tokens']:,} tokens" if said["tokens"] else ""
            error = f": {said['error']}" if said["error"] else ""
            return f"called {line.name}, try {said['try']}: {said['state']}{used}{error}"
        case LineageKind.MESSAGE | LineageKind.DELIVERY:
            return _tell_mail(line, said)
        case LineageKind.WAIT:
            return f"waits at {line.name}" + ("" if said["ended_at"] is None else ", and was answered later")
        case _:
            return line.name.replace("_", " ")


def _tell_handoff(line: LineageLine, said: dict[str, Any]) -> str:
    tokens = f"{said['tokens_after']:,} tokens"
    if said["kind"] == HandoffKind.RECALL:
        return f"was handed {line.name.replace(':', ' ', 1)}, {tokens}"
    if said["kind"] == HandoffKind.FETCH:
        return f"fetched {said['pointer'] or 'all'} of what '{line.name}' put out, {tokens}"
    by = f", shortened by {said['summarised_by']}" if said["summarised_by"] else ""
    return f"was handed what '{line.name}' put out, {tokens}{by}"


def _tell_mail(line: LineageLine, said: dict[str, Any]) -> str:
    about = f"message {said['message']} ({said['kind']})"
    if line.kind == LineageKind.DELIVERY:
        return f"turn {said['turn']} got {about} of {line.name}"
    failure = " that there is no answer" if said["is_failure"] else ""
    return f"sent {about} to {line.name}{failure}"
