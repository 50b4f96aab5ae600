"""What goes into an agent and what comes out: `Task`, `Result`, and the `Outcome` the engine decides on.

An outcome is a value, never an exception. Read next: `classification.py`, then `agents/invoke.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real
from typing import Any, Final, TypeAlias

from agents.domain.canonical import EXACT_INTEGER_LIMIT, canonical_json
from agents.domain.failure_kinds import FailureKind
from agents.domain.task import JSON, Task
from agents.errors import UnreadableOutput

__all__ = [
    "JSON",
    "Answered",
    "Failed",
    "FailureKind",
    "Outcome",
    "Result",
    "Rework",
    "SentBack",
    "Suspends",
    "Task",
    "canonical_json",
]

Usage: TypeAlias = dict[str, int | str]

_TOKEN_KEYS: Final = ("input_tokens", "output_tokens")
_PLAIN_AMOUNT: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True)
class Result:
    """An agent's answer with what it knows about it.

    Attributes:
        output: a JSON value, or a pydantic model.
        confidence: 0 to 1, as honestly as the agent can state it.
        usage: any of `input_tokens`, `output_tokens` (whole numbers) and `cost_usd` (a decimal as text).
        spawn: steps to be done under this one before it counts as done: `StepSpec` or their JSON form. Given, even
            empty, the step's output becomes {"output": this one, "spawned": {key: output}}; a spawned step reads
            this output as `item`.

    Raises:
        UnreadableOutput: confidence or usage is not what it should be; names the field.
    """

    output: JSON
    confidence: float | None = None
    usage: Mapping[str, int | str | Decimal] | None = None
    spawn: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        """Check what the engine will decide and account by."""
        if self.spawn is not None:
            object.__setattr__(self, "spawn", _read_spawn(self.spawn))
        if self.confidence is not None:
            object.__setattr__(self, "confidence", _read_confidence(self.confidence))
        if self.usage is not None:
            object.__setattr__(self, "usage", _read_usage(self.usage))

    @staticmethod
    def rework(step: str, reasons: str | Sequence[str]) -> Rework:
        """Return an answer that sends work back: `step` and all that depends on it are done anew.

        Args:
            step: key of an earlier step that this one waits for, directly or not.
            reasons: what is wrong; that step gets them as its feedback.
        """
        return Rework(step, (reasons,) if isinstance(reasons, str) else tuple(reasons))


@dataclass(frozen=True, slots=True)
class Rework:
    """An answer that returns work to an earlier step; made by `Result.rework`."""

    step: str
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that there is something to do better."""
        step: object = self.step
        reasons: tuple[object, ...] = self.reasons
        if not isinstance(step, str) or not step:
            raise UnreadableOutput("/rework", "name the step that the work goes back to")
        if not reasons or not all(isinstance(text, str) and text.strip() for text in reasons):
            raise UnreadableOutput("/rework", "give at least one reason; the step gets them as feedback")


@dataclass(frozen=True, slots=True)
class Answered:
    """The agent answered, within its contract.

    Attributes:
        output: the output as a later reader will see it: read back from `output_json`.
        output_json: the canonical text; digests and receipts are over its UTF-8 bytes.
        confidence: as stated, None if not.
        usage: as stated, empty if not.
        agent: name.
        agent_version: the contract's version.
        spawn: steps it wants done under this one, unread; None if it said nothing of any.
    """

    output: JSON
    output_json: str
    confidence: float | None
    usage: Usage
    agent: str
    agent_version: int
    spawn: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class SentBack:
    """The agent returned work to an earlier step, for these reasons."""

    step: str
    reasons: tuple[str, ...]
    agent: str
    agent_version: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent gave no answer that can be kept.

    Attributes:
        kind: what the policy decides by.
        error_class: dotted path of the exception's class; a built-in one has its bare name.
        message: for people, at most 2,000 characters, safe to store.
        traceback_tail: the last 4,000 characters of the traceback; empty if the agent never ran.
        retry_after_seconds: how long the far side asked to wait.
        agent: name.
        agent_version: the contract's version; None if the agent is unknown here.
        usage: of an answer that can't be kept, as stated: it was used all the same.
        waits_on: whose breaker keeps it away, if that is not its agent's: a model's.
    """

    kind: FailureKind
    error_class: str
    message: str
    traceback_tail: str
    retry_after_seconds: float | None
    agent: str
    agent_version: int | None
    usage: Usage = field(default_factory=dict)
    waits_on: str = ""


@dataclass(frozen=True, slots=True)
class Suspends:
    """The agent waits: its attempt ends, and it runs again once something of what it waits for is there."""

    agent: str
    agent_version: int


Outcome: TypeAlias = Answered | SentBack | Failed | Suspends


def _read_spawn(value: object) -> tuple[Any, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise UnreadableOutput("/spawn", f"{_show(value)} is not a list of steps")
    return tuple(value)


def _read_confidence(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UnreadableOutput("/confidence", f"{_show(value)} is not a number; give 0 to 1, or None")
    try:
        confidence = float(value)
    except OverflowError:
        confidence = math.inf
    if not 0.0 <= confidence <= 1.0:  # also of NaN
        raise UnreadableOutput("/confidence", f"{_show(value)} is outside 0 to 1")
    return confidence


def _read_usage(usage: object) -> Usage:
    if not isinstance(usage, Mapping):
        raise UnreadableOutput("/usage", f"{_show(usage)} is not a mapping")
    return {str(key): _read_usage_entry(key, value) for key, value in usage.items()}


def _read_usage_entry(key: object, value: object) -> int | str:
    if key in _TOKEN_KEYS:
        return _read_tokens(f"/usage/{key}", value)
    if key == "cost_usd":
        return _read_cost(value)
    known = ", ".join((*_TOKEN_KEYS, "cost_usd"))
    raise UnreadableOutput("/usage", f"unknown key {_show(key)}; known are {known}")


def _read_tokens(path: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < EXACT_INTEGER_LIMIT:
        raise UnreadableOutput(path, f"{_show(value)} is not a whole number from 0 and below 2^53")
    return int(value)


def _read_cost(value: object) -> str:
    text = f"{value:f}" if isinstance(value, Decimal) else value
    if not isinstance(text, str) or not _PLAIN_AMOUNT.fullmatch(text):
        raise UnreadableOutput(
            "/usage/cost_usd", f'{_show(value)} is not a plain decimal as text from 0, such as "0.0012"'
        )
    return text


def _show(value: object) -> str:
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001 - integers of thousands of digits refuse, and so may any object of an agent
        return f"a {type(value).__name__}"
