"""`admit`: may this claim call its agent? Asked only when `fragments.is_kept_away` said so, right before the call."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from agents.admission.breakers import Opening, begin_probe, find_opening


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may call. `is_probe`: its end decides about the agent's breaker (`note_success`, `note_failure`)."""

    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class BreakerOpen:
    """Its agent's breaker keeps it away.

    Attributes:
        until: when a probe may pass; None while one is under way.  opening_id: the same until it closes.
    """

    agent: str
    opening_id: int
    opened_at: datetime
    until: datetime | None


Admission: TypeAlias = Admitted | BreakerOpen


def admit(agent: str, token: UUID) -> Admission:
    """Let a claim through to its agent, or return the opening that keeps it away. Safe to repeat.

    Args: token: the claim's; if the pause is over and nobody was quicker, it becomes the one probe.
    """
    opening = find_opening(agent)
    if opening is None:
        return Admitted()
    if opening.may_probe:
        opening = begin_probe(agent, token)
        if opening is None:
            return Admitted(is_probe=True)
    return Admitted(is_probe=True) if opening.probe == token else _refuse(opening)


def _refuse(opening: Opening) -> BreakerOpen:
    return BreakerOpen(opening.agent, opening.opening_id, opening.opened_at, opening.until)
