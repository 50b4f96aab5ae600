"""Call an agent by name: the only way the engine reaches agents.

Whatever an agent does becomes an `Outcome`, a value; nothing it raises gets past here. This module opens no
transaction and writes nothing. Read next: `domain/classification.py`, `runtimes/python.py`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel

from agents.conf import get_conf
from agents.domain.catalogue import RegisteredAgent, SchemaCheck, catalogue
from agents.domain.classification import (
    MAX_MESSAGE_CHARACTERS,
    describe_failure,
    describe_unknown,
    make_storable,
)
from agents.domain.contract import AgentKind
from agents.domain.interruption import is_order_to_end, is_suspension
from agents.domain.invocation import (
    Answered,
    Outcome,
    Result,
    Rework,
    SentBack,
    Suspends,
    Task,
    Usage,
    canonical_json,
)
from agents.domain.lost_numbers import refuse_lost_numbers
from agents.errors import InputRefused, UnreadableOutput
from agents.registry import override
from agents.runtimes.base import Runtime
from agents.runtimes.confinement import confine
from agents.runtimes.model.builds import find_build_faults, plan_builds
from agents.runtimes.model.names import override_models
from agents.runtimes.model.runtime import ModelRuntime
from agents.runtimes.offering import describe_offers
from agents.runtimes.python import PythonRuntime

__all__ = [
    "describe_offers",
    "find_build_faults",
    "invoke",
    "override",
    "override_models",
    "plan_builds",
]

_PYTHON: Final = PythonRuntime()
_RUNTIMES: Final[dict[AgentKind, Runtime]] = {
    AgentKind.PYTHON: _PYTHON,
    AgentKind.MODEL: ModelRuntime(_PYTHON),
}


def invoke(agent_name: str, task: Task, *, timeout_seconds: float) -> Outcome:
    """Let an agent perform one attempt and say what came of it.

    Args:
        agent_name: the name it is registered under.
        task: the attempt.
        timeout_seconds: a coroutine is cancelled after this long. A `def` can't be stopped: it sees
            `task.deadline_at`, and its answer is returned even when late.

    Returns:
        Answered with the output as it can be stored, or Failed with the kind of failure. What an agent raises
        is never raised on; only an order to end this process is (a worker's signal or Ctrl-C).

    Source: outcomes as values, as in Oban's executor.
    """
    agent = catalogue.find(agent_name)
    if agent is None:
        return describe_unknown(agent_name)
    answer: object = None
    runtime = _RUNTIMES[agent.contract.kind]
    try:
        _check_input(agent.input_check, task.input)
        task.kept.expect(agent.state_check)
        answer = confine(agent_name, lambda: runtime.run(agent, task, timeout_seconds))
        return _read_answer(agent, answer)
    except BaseException as error:
        if is_order_to_end(error):
            raise
        if is_suspension(error):
            return Suspends(agent.contract.name, agent.contract.version)
        failed = describe_failure(
            error,
            agent.contract.name,
            agent.contract.version,
            registered=get_conf().ERROR_KINDS,
            now=datetime.now(UTC),
            timeout_seconds=timeout_seconds,
        )
        return replace(failed, usage=_read_usage(answer))


def _check_input(check: SchemaCheck | None, value: object) -> None:
    fault = check.find_fault(value, value) if check is not None else None
    if fault is not None:
        raise InputRefused(*fault)


def _read_answer(agent: RegisteredAgent, answer: object) -> Answered | SentBack:
    if isinstance(answer, Rework):
        # Its words go into a decision and a step's feedback, which are text of the database.
        reasons = tuple(make_storable(reason)[:MAX_MESSAGE_CHARACTERS] for reason in answer.reasons)
        return SentBack(make_storable(answer.step), reasons, agent.contract.name, agent.contract.version)
    result = answer if isinstance(answer, Result) else None
    source = answer if result is None else result.output
    text = canonical_json(_dump(source) if isinstance(source, BaseModel) else source)
    if isinstance(source, BaseModel) and "null" in text:
        refuse_lost_numbers(source, json.loads(text))
    # Read back, not passed on: the next step must see what is stored, and nothing the agent may still change.
    output = json.loads(text)
    fault = agent.output_check.find_fault(output, source) if agent.output_check is not None else None
    if fault is not None:
        raise UnreadableOutput(*fault)
    return Answered(
        output=output,
        output_json=text,
        confidence=result.confidence if result is not None else None,
        usage=_read_usage(answer),
        agent=agent.contract.name,
        agent_version=agent.contract.version,
        spawn=None if result is None or result.spawn is None else tuple(result.spawn),
    )


def _read_usage(answer: object) -> Usage:
    """Return what an answer says was used: `Result` has read it, so that nothing here can fail."""
    return dict(answer.usage) if isinstance(answer, Result) and answer.usage else {}  # type: ignore[arg-type]


def _dump(model: BaseModel) -> object:
    try:
        return model.model_dump(mode="json", by_alias=True)
    except Exception as error:
        # Not the agent's input is at fault, although pydantic raises a ValueError.
        raise UnreadableOutput("", f"the {type(model).__name__} can't be written as JSON: {error}") from error
