"""A circuit breaker as a value: what a signal makes of it. Pure; the clock and the counts come in as arguments.

    closed --too many failures--> open --pause over: one probe--> half_open --it answered--> closed
                                   ^------------------it failed: twice the pause-----/

A function returns the very same value when a signal changes nothing. Read next: `agents/admission/breakers.py`,
which keeps the value in a row.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final
from uuid import UUID

from agents.domain.failure_kinds import FailureKind
from agents.domain.settings import MOST_SECONDS

OF_MODELS: Final = "model:"
"""What the name of a model's breaker begins with; no agent's name has a colon."""

COUNTED: Final = frozenset(
    {FailureKind.TRANSIENT, FailureKind.RATE_LIMIT, FailureKind.TIMEOUT, FailureKind.CRASH}
)
"""Failures that say something about the agent; bad input and the like say something about the work."""


class BreakerState(StrEnum):
    """Closed: work passes. Open: none does. Half open: one probe does, or is awaited."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class ProbeEnd(StrEnum):
    """What a probe showed: the agent answered, it failed in a way that counts, or neither."""

    ANSWERED = "answered"
    FAILED = "failed"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Limits:
    """An agent's numbers.

    Attributes:
        failures: at more than this it opens.  window_seconds: counted failures older than this are forgiven.
        pause_seconds: before the first probe.  max_pause_seconds: a failed probe doubles the pause up to this.
        failure_share: it opens only if the failures are also at least this part of the calls within the window.
    """

    failures: int = 5
    window_seconds: float = 60.0
    pause_seconds: float = 30.0
    max_pause_seconds: float = 600.0
    failure_share: float = 0.1

    def check(self) -> None:
        """Raise ValueError for a number that is none, or not above 0."""
        for item in fields(self):
            value = getattr(self, item.name)
            kind = int if item.type in {int, "int"} else int | float
            if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value <= MOST_SECONDS:
                word = "whole number" if kind is int else "number"
                raise ValueError(
                    f"{item.name} is {value!r:.80}; give a {word} above 0 and at most {MOST_SECONDS:,.10g}"
                )
        if self.failure_share > 1:
            raise ValueError(f"failure_share is {self.failure_share:g}; give a part of all calls, at most 1")

    def tolerate(self, calls: int, in_a_row: int = 0) -> int:
        """Return with how many failures within the window the agent may still work.

        Args: calls: within the window, as far as they are known.  in_a_row: failures that a process saw without an
            answer between them: of an agent that is down, however much it did before.
        """
        if in_a_row > self.failures:
            return self.failures
        # Rounded: a tenth of seventy is not a little more than seven.
        return max(self.failures, ceil(round(self.failure_share * calls, 6)) - 1)


@dataclass(frozen=True, slots=True)
class Circuit:
    """Where a breaker stands.

    Attributes:
        until: when the pause is over; only while it is open.
        pause_seconds: of the present opening; 0 when closed.
        probe: the claim token of the one probe under way; only while it is half open.
    """

    state: BreakerState = BreakerState.CLOSED
    until: datetime | None = None
    pause_seconds: float = 0.0
    probe: UUID | None = None


CLOSED: Final = Circuit()


def trip(
    circuit: Circuit, failures: int, limits: Limits, now: datetime, *, calls: int = 0, in_a_row: int = 0
) -> Circuit:
    """Open a closed breaker when its agent failed too often.

    Args: failures, calls: counted within the window, and since it closed last.  in_a_row: as of `Limits.tolerate`.
    """
    if circuit.state is not BreakerState.CLOSED or failures <= limits.tolerate(calls, in_a_row):
        return circuit
    return _open(min(limits.pause_seconds, limits.max_pause_seconds), now)


def begin_probe(circuit: Circuit, token: UUID, now: datetime) -> Circuit:
    """Let this claim through as the one probe, if the pause is over and no other is under way."""
    match circuit.state:
        case BreakerState.CLOSED:
            return circuit
        case BreakerState.OPEN if circuit.until is not None and now < circuit.until:
            return circuit
        case BreakerState.HALF_OPEN if circuit.probe is not None:
            return circuit
        case _:
            return replace(circuit, state=BreakerState.HALF_OPEN, until=None, probe=token)


def end_probe(circuit: Circuit, token: UUID, end: ProbeEnd, limits: Limits, now: datetime) -> Circuit:
    """Close, open again or wait for another probe, by what this one showed; another claim's end shows nothing."""
    if circuit.state is not BreakerState.HALF_OPEN or circuit.probe != token:
        return circuit
    match end:
        case ProbeEnd.ANSWERED:
            return CLOSED
        case ProbeEnd.FAILED:
            return _open(min(2 * circuit.pause_seconds, limits.max_pause_seconds), now)
        case ProbeEnd.UNCLEAR:
            return replace(circuit, probe=None)


def reset(circuit: Circuit) -> Circuit:
    """Close a breaker because a person says so."""
    return circuit if circuit.state is BreakerState.CLOSED else CLOSED


def _open(pause_seconds: float, now: datetime) -> Circuit:
    until = now + timedelta(seconds=pause_seconds)
    return Circuit(BreakerState.OPEN, until=until, pause_seconds=pause_seconds)
