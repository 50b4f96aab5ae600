"""What a step waits on, by name: what its agent is suspended with, or why it is not rung for. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from orchestration.domain.waits import WaitsFor


class Suspending(Protocol):
    """An open call, as much of it as is named."""

    pk: int
    kind: str
    name: str
    due_at: datetime | None


class Waiting(Protocol):
    """A step, as much of it as is named."""

    agent: str
    waits_for: str
    waits_on: str
    due_at: datetime | None


class WaitsOn(NamedTuple):
    """One thing on which a step waits.

    Attributes: call: of its agent, by id; None: nothing that it called.  why: who could not build its agent.
    """

    what: str
    name: str
    until: datetime | None = None
    call: int | None = None
    why: str = ""


def name_waits(step: Waiting, awaited: Iterable[Suspending], builds: str = "") -> list[WaitsOn]:
    """Return all on which a step waits. Args: builds: who could not build its agent, and why."""
    named = [WaitsOn(call.kind, call.name, call.due_at, call.pk) for call in awaited]
    if step.waits_for:
        by_agent = step.agent if step.waits_for in {WaitsFor.BREAKER, WaitsFor.AGENT} else ""
        named.append(WaitsOn(step.waits_for, step.waits_on or by_agent, why=builds))
    return named
