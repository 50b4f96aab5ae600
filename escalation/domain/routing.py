"""Which review queue gets a ticket: the first of a project's rules that matches, in their order.

Pure: rules, what is known of the ticket, and who evaluates expressions are handed in. Nothing here can fail a hold: a
rule that can't be read matches nothing, and what was wrong with it is told.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from orchestration.domain.expressions import (
    ExpressionFailed,
    ExpressionInvalid,
    compile_expression,
    evaluate,
    is_dear,
    shorten,
)
from orchestration.domain.plan import planned_name

NAMES: Final = frozenset({"input", "proposal"})
"""What an expression of the desk reads: the run's input, and what the person is to judge."""
MOST_RULES: Final = 200
"""Of a project."""
_SECONDS: Final = 0.5
"""For all expressions of one ticket together."""
_MOST_NOTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Rule:
    """One routing rule. What is empty matches every ticket.

    Attributes: label: as tickets name it.  queue_id: None if its queue is gone.
    """

    label: str
    queue_id: int | None
    workflow: str = ""
    step: str = ""
    agent: str = ""
    rule: str = ""
    confidence_from: float | None = None
    confidence_to: float | None = None
    expression: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules may ask about a ticket, beside its contents."""

    workflow: str
    step: str
    agent: str
    rule: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket goes.

    Attributes: rule: the one that matched; None: none did, and the ticket's SLA class says where it goes.
        notes: what was wrong with rules that were tried, a sentence each.
    """

    rule: Rule | None
    notes: tuple[str, ...] = ()


class ExpressionUnusable(ValueError):
    """An expression gives nothing on this ticket; the message says why, and goes with the ticket."""


@dataclass
class Contents:
    """What expressions read of one ticket; read as JSON only if one asks, and for a bounded time."""

    input_json: str
    proposal_json: str
    seconds: float = _SECONDS
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _spent: float = field(default=0.0, init=False)

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """Return what expressions read."""
        return {"input": json.loads(self.input_json), "proposal": json.loads(self.proposal_json)}

    def evaluate(self, source: str) -> Any:
        """Evaluate an expression over the contents, unless that could take long.

        Raises: ExpressionUnusable: it fails, or would be, or was, too much work.
        """
        if self._spent >= self.seconds:
            raise ExpressionUnusable(f"'{shorten(source)}': no time was left for it")
        begun_at = self.clock()
        try:
            values = dict(self.values)
            if is_dear(source, values):
                raise ExpressionUnusable(f"'{shorten(source)}': too much work for a ticket of this size")
            return evaluate(source, values)
        except (ExpressionFailed, ExpressionInvalid) as error:
            raise ExpressionUnusable(str(error)) from error
        finally:
            self._spent += self.clock() - begun_at


def find_route(rules: Sequence[Rule], facts: Facts, contents: Contents) -> Route:
    """Return where a ticket goes."""
    notes: list[str] = []
    for rule in rules:
        if not _fits(rule, facts):
            continue
        fault = _find_fault(rule, contents)
        if fault is None:
            return Route(rule, tuple(notes))
        if fault:
            notes.append(f"Routing rule {rule.label} was passed over: {fault}.")
    return Route(None, tuple(notes))


def find_expression_fault(source: str) -> str | None:
    """Return what is wrong with the text of an expression, in words; None if it may be saved."""
    try:
        compile_expression(source, NAMES)
    except ExpressionInvalid as error:
        return f"this is no CEL expression over input and proposal: {error}"
    return None


def join_notes(notes: Sequence[str]) -> str:
    """Return what could not be worked out, as a ticket keeps it: bounded, however many rules failed."""
    text = " ".join(notes)
    return text if len(text) <= _MOST_NOTED else f"{text[: _MOST_NOTED - 3]}..."


def _fits(rule: Rule, facts: Facts) -> bool:
    """Tell whether what a rule names is that of the ticket."""
    return (
        rule.workflow in ("", facts.workflow)
        and rule.step in ("", facts.step, planned_name(facts.step))
        and rule.agent in ("", facts.agent, facts.agent.partition("@")[0])
        and rule.rule in ("", facts.rule)
        and _is_within(rule, facts.confidence)
    )


def _is_within(rule: Rule, confidence: float | None) -> bool:
    """Tell whether a confidence lies in a rule's range; where none was stated, only a rule without one matches."""
    if rule.confidence_from is None and rule.confidence_to is None:
        return True
    if confidence is None:
        return False
    lowest = 0.0 if rule.confidence_from is None else rule.confidence_from
    # 1 is within a range that ends with it: nothing is above.
    is_below = rule.confidence_to in (None, 1.0) or confidence < (rule.confidence_to or 0.0)
    return lowest <= confidence and is_below


def _find_fault(rule: Rule, contents: Contents) -> str | None:
    """Return why a rule that fits is passed over; "" when its expression says no, None when it matches."""
    if rule.expression:
        try:
            answer = contents.evaluate(rule.expression)
        except ExpressionUnusable as error:
            return str(error)
        if not isinstance(answer, bool):
            return f"'{shorten(rule.expression)}' gives neither true nor false"
        if not answer:
            return ""
    return "its queue is gone" if rule.queue_id is None else None
