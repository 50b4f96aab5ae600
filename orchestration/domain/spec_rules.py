"""What a spec must hold to: every rule names the step and the field that break it. Read first: `spec.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from agents.domain.addresses import is_actor_name
from agents.domain.contract import MOST_MAIL
from agents.domain.json_schema import SchemaInvalid, compile_schema
from orchestration.domain.expressions import (
    HANDED_NAMES,
    INPUT_NAMES,
    NAMES,
    ExpressionInvalid,
    compile_expression,
    reads_item,
    referenced_steps,
)
from orchestration.domain.spec_context import find_context_problems
from orchestration.domain.spec_words import find_output_problems, find_word_problems
from orchestration.errors import Problem

if TYPE_CHECKING:
    from orchestration.domain.spec import StepSpec, WorkflowSpec

KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z")
NAME = re.compile(r"[a-z][a-z0-9-]{0,99}\Z")
MAX_STEPS = 5_000

HUMAN = "human"
"""The agent name of steps that people do: always a ticket."""
ENGINE_AGENTS = frozenset({"", HUMAN})
"""What steps name that need no registered agent: a child run, or a person."""


def find_agent_problems(
    steps: Sequence[StepSpec], find_agent: Callable[[str], object | None]
) -> list[Problem]:
    """Return one problem per agent that is named and that nobody registered."""
    return [
        Problem(
            step.key,
            place,
            f"unknown agent '{name}'; `manage.py list_agents` shows the known ones. "
            "Is the app that has it in RINGMASTER_APPS?",
        )
        for step in steps
        for place, names in step.agents.items()
        for name in names
        if find_agent(name) is None
    ]


def find_problems(spec: WorkflowSpec) -> Iterator[Problem]:
    """Yield everything that is wrong with a workflow by itself: which agents exist is another matter."""
    if not NAME.match(spec.name):
        yield Problem(
            None, "name", f"'{spec.name}' must be lower-case letters, digits and dashes, at most 100"
        )
    if not spec.steps:
        yield Problem(None, "steps", "a workflow needs at least one step")
    if len(spec.steps) > MAX_STEPS:
        yield Problem(None, "steps", f"at most {MAX_STEPS} steps, this has {len(spec.steps)}")
    yield from _schema_problems(spec.input_schema)
    if spec.timeout_seconds is not None and not 0 < spec.timeout_seconds <= 31_536_000:
        yield Problem(None, "timeout_seconds", "must be above 0 and at most 31536000")
    yield from _actor_problems(spec)
    if spec.output is not None:
        yield from find_output_problems(spec.output, {step.key for step in spec.steps})
    yield from find_step_problems(spec.steps)


def _actor_problems(spec: WorkflowSpec) -> Iterator[Problem]:
    if spec.actor is not None and not is_actor_name(spec.actor):
        yield Problem(
            None, "actor", f"'{spec.actor[:100]}' must be dotted lower-case identifiers, as support.case"
        )
    if not 1 <= spec.mailbox <= MOST_MAIL:
        yield Problem(None, "mailbox", f"must be between 1 and {MOST_MAIL}")
    for name, given in (
        ("mailbox", spec.mailbox != 1),
        ("listens", spec.listens),
        ("on_stuck", spec.on_stuck != "wait"),
    ):
        if given and spec.actor is None:
            yield Problem(
                None, name, "only a workflow with actor= has a mailbox; name the actor or remove this"
            )
    for step in spec.steps:
        if step.recall is not None and step.recall.scope == "actor" and spec.actor is None:
            yield Problem(
                step.key,
                "recall.scope",
                "only turns of an actor have its memories; give agent, run or project",
            )


def _schema_problems(schema: Mapping[str, Any] | None) -> Iterator[Problem]:
    if schema is None:
        return
    try:
        compile_schema(schema)
    except SchemaInvalid as error:
        yield Problem(None, "input_schema" + error.path.replace("/", "."), error.reason)


def find_step_problems(steps: Sequence[StepSpec]) -> list[Problem]:
    """Return what is wrong with steps that stand together: doubled keys, missing needs, cycles, bad expressions."""
    keys: set[str] = set()
    problems: list[Problem] = []
    for step in steps:
        if step.key in keys:
            problems.append(Problem(step.key, "key", "another step has the same key"))
        keys.add(step.key)
    for step in steps:
        problems += _step_problems(step, keys)
    return problems + list(_cycle_problems(steps, keys))


def _step_problems(step: StepSpec, keys: set[str]) -> Iterator[Problem]:
    if not KEY.match(step.key):
        yield Problem(step.key, "key", "must start with a letter, then letters, digits, _ or -, at most 100")
    for name, others, known, reason in (
        ("needs", step.needs, keys, "no step '{}' in this workflow"),
        ("after", step.after, keys, "no step '{}' in this workflow"),
        ("optional", step.optional, set(step.needs), "'{}' is not in needs"),
    ):
        yield from (Problem(step.key, name, reason.format(other)) for other in others if other not in known)
    yield from find_bound_problems(step)
    yield from _doer_problems(step)
    yield from find_context_problems(step)
    yield from find_word_problems(step, is_person=step.agent == HUMAN)
    for name, source in step.input.items():
        yield from _expression_problems(step, f"input.{name}", source)
    if step.recall is not None:
        yield from _expression_problems(step, "recall.like", step.recall.like)
    if step.when is not None:
        yield from _expression_problems(step, "when", step.when)
    if step.for_each is not None:
        problems = list(_expression_problems(step, "for_each", step.for_each))
        if not problems and reads_item(step.for_each):
            problems.append(Problem(step.key, "for_each", "item is what it makes; it can't read it"))
        yield from problems


def _doer_problems(step: StepSpec) -> Iterator[Problem]:
    """Yield what does not fit who does the step: an agent, a child run, or a person."""
    if bool(step.agent) == bool(step.workflow):
        yield Problem(step.key, "agent", "name either an agent or a workflow")
    if step.workflow is not None and not NAME.match(step.workflow):
        yield Problem(step.key, "workflow", f"'{step.workflow}' is not a workflow's name")
    if step.form is not None and step.agent != HUMAN:
        yield Problem(step.key, "form", "only a step with agent='human' has a form")
    for fault in _schema_problems(step.form):
        yield Problem(step.key, "form" + fault.field.removeprefix("input_schema"), fault.message)
    needless = [name for name in ("verify", "fallback", "min_confidence") if getattr(step, name)]
    if step.agent == HUMAN:
        yield from (Problem(step.key, name, "a person's answer is final; remove it") for name in needless)
    if step.workflow is not None and step.fallback:
        yield Problem(step.key, "fallback", "a child run has none; give it to the child's steps")


def find_bound_problems(step: StepSpec) -> list[Problem]:
    """Return the numbers of a step that are out of bounds."""
    problems = []
    if step.min_confidence is not None and not 0 <= step.min_confidence <= 1:
        problems.append(Problem(step.key, "min_confidence", "must be between 0 and 1"))
    if step.timeout_seconds is not None and not 0 < step.timeout_seconds <= 86_400:
        problems.append(Problem(step.key, "timeout_seconds", "must be above 0 and at most 86400"))
    if step.deadline_seconds is not None and not 0 < step.deadline_seconds <= 31_536_000:
        problems.append(Problem(step.key, "deadline_seconds", "must be above 0 and at most 31536000"))
    if not 0 <= step.max_reworks <= 50:
        problems.append(Problem(step.key, "max_reworks", "must be between 0 and 50"))
    return problems


def _expression_problems(step: StepSpec, place: str, source: str) -> Iterator[Problem]:
    try:
        compile_expression(source, _names_at(place))
    except ExpressionInvalid as error:
        yield Problem(step.key, place, f"bad CEL expression: {error}")
        return
    # The engine alone reads the list, so its step need not hand it to anybody.
    readable, words = (step.predecessors, "needs or after") if place == "for_each" else (step.needs, "needs")
    for other in sorted(referenced_steps(source) - set(readable)):
        yield Problem(step.key, place, f"reads steps.{other}, which is not in {words}")


def _names_at(place: str) -> frozenset[str]:
    if place == "for_each":
        return NAMES
    return INPUT_NAMES if place.startswith("input.") else HANDED_NAMES


def _cycle_problems(steps: Sequence[StepSpec], keys: set[str]) -> Iterator[Problem]:
    graph = {step.key: [key for key in step.predecessors if key in keys] for step in steps}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle: list[str] = list(reversed(error.args[1]))
        yield Problem(cycle[0], "needs", "these steps wait for each other: " + " -> ".join(cycle))
