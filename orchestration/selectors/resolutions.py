"""What people decided on what the policy had left to them: read from the history, kept nowhere else."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestration.domain.holds import WAY_OF
from orchestration.domain.states import DecisionKind, ResolutionKind
from orchestration.models import Decision, Event

RESOLVED: Final = "step_resolved"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person decided on a held step.

    Attributes: event_id: its line of the history.  overturns: what the policy doubted was fine as it was.
        ticket: names the resolution, as receipts do.
    """

    event_id: int
    kind: ResolutionKind
    by: str
    at: datetime
    overturns: bool
    ticket: str = ""

    @property
    def words(self) -> str:
        """Return it in words."""
        return f"{self.by} {WAY_OF[self.kind].told}" + (", as it was" if self.overturns else "")


def read_resolutions(events: Iterable[Event]) -> dict[tuple[int, int], Resolution]:
    """Return what people decided, by step and attempt, from lines of a history."""
    found: dict[tuple[int, int], Resolution] = {}
    for event in events:
        if event.kind == RESOLVED and event.step_id is not None and event.attempt is not None:
            said = json.loads(event.data_json)
            kind = ResolutionKind(said["resolution"])
            found[event.step_id, event.attempt] = Resolution(
                event.pk,
                kind,
                str(said["by"]),
                event.at,
                kind is ResolutionKind.APPROVE,
                str(said.get("ticket", "")),
            )
    return found


def find_resolution(decision: Decision, attempt: int) -> Resolution | None:
    """Return what a person decided after the policy had escalated; None when nobody did, or nothing was asked."""
    if decision.kind != DecisionKind.ESCALATE:
        return None
    return find_resolution_after(decision.step_id, attempt)


def find_resolution_after(step_id: int, attempt: int) -> Resolution | None:
    """Return what was decided on a step that was held after an attempt; None when nobody has."""
    lines = Event.objects.filter(step_id=step_id, attempt=attempt, kind=RESOLVED)
    return read_resolutions(lines).get((step_id, attempt))
