"""The decorators: they check a declaration once, at import, so that no step meets a wrong one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from agents.domain import contract as rules
from agents.domain.catalogue import AgentFunction, ModelDetails, RegisteredAgent, catalogue
from agents.domain.contract import AgentContract, AgentKind, Queue
from agents.domain.invocation import Task
from agents.domain.settings import MOST_COUNT
from agents.errors import AgentRefused
from agents.registry.schemas import compile_schema

_LEAST_CONTEXT: Final = 1_000
Function = TypeVar("Function", bound=AgentFunction)
Builder = TypeVar("Builder", bound=Callable[[Any], Any])
Schema = Mapping[str, Any] | type[BaseModel]


def agent(
    name: str,
    *,
    timeout_seconds: float | None = None,
    queue: str = Queue.STEPS,
    version: int = 1,
    input_schema: Schema | None = None,
    output_schema: Schema | None = None,
    effects: Iterable[str] = (),
    reversible: bool = True,
    pools: Mapping[str, int] = MappingProxyType({}),
    mailbox: int | None = None,
    state_schema: Schema | None = None,
    **unknown: object,
) -> Callable[[Function], Function]:
    """Register a function, `def` or `async def`, as the agent of this name.

    Args:
        name: dotted lower-case identifiers, such as `crm.history`.
        timeout_seconds: deadline of one attempt, unless the step sets its own.
        queue: `steps` (threads), or `isolated` (one per process, for what burns CPU, hangs or crashes).
        version: raise it when the agent's behaviour changes; receipts name it.
        input_schema: JSON Schema or pydantic model the input must meet.
        output_schema: JSON Schema or pydantic model the output must meet.
        effects: what the agent does to the outside world, in words for a reviewer.
        reversible: whether those effects can be taken back.
        pools: slots that each step of it holds while it runs, by pool, such as `{"gpu": 1}`.
        mailbox: makes it the behaviour of actors of its name; so many messages a turn gets at most.
        state_schema: JSON Schema or pydantic model of what an actor keeps between its turns, as `task.state`.
        **unknown: refused by name.

    Returns:
        A decorator that returns the function unchanged, so that it stays a plain function in unit tests.

    Raises:
        AgentRefused: the declaration is wrong; names the argument.
        DuplicateAgent: another function has this name.
    """
    _refuse_unknown(agent, name, unknown)
    return _declare(
        name,
        AgentKind.PYTHON,
        timeout_seconds=timeout_seconds,
        queue=queue,
        version=version,
        input_schema=input_schema,
        output_schema=output_schema,
        effects=effects,
        reversible=reversible,
        pools=pools,
        mailbox=mailbox,
        state_schema=state_schema,
    )


def model_agent(
    name: str,
    *,
    timeout_seconds: float | None = None,
    queue: str = Queue.STEPS,
    version: int = 1,
    input_schema: Schema | None = None,
    output_schema: Schema | None = None,
    effects: Iterable[str] = (),
    reversible: bool = True,
    pools: Mapping[str, int] = MappingProxyType({}),
    mailbox: int | None = None,
    state_schema: Schema | None = None,
    prompt: Callable[[Task], str] | None = None,
    confidence: str | None = None,
    context_tokens: int | None = None,
    **unknown: object,
) -> Callable[[Builder], Builder]:
    """Register a function that builds an agent of pydantic-ai, as `def triage(durable): return Agent(...)`.

    It is called once in a process that needs the agent, with what the agent is to be given as `capabilities`: each of
    its requests to a model, and each call of a tool, is then kept in the step's journal.

    Args:
        name, timeout_seconds, queue, version, input_schema, output_schema, effects, reversible, pools, mailbox,
            state_schema: as of `agent`.
        prompt: returns what the model is told of a task; without it the input, the item of a `for_each`, results of
            earlier steps, and why work was sent back.
        confidence: the field of the output that says how sure it is, from 0 to 1.
        context_tokens: a longer conversation is sent to the model with its first message and its latest ones as they
            were, and what was said between in short; None: always whole.
        **unknown: refused by name.

    Raises:
        AgentRefused: the declaration is wrong; names the argument.
        DuplicateAgent: another function has this name.
    """
    _refuse_unknown(model_agent, name, unknown)
    return _declare(
        name,
        AgentKind.MODEL,
        ModelDetails(
            _check_prompt(name, prompt),
            _check_confidence(name, confidence),
            _check_context(name, context_tokens),
        ),
        timeout_seconds=timeout_seconds,
        queue=queue,
        version=version,
        input_schema=input_schema,
        output_schema=output_schema,
        effects=effects,
        reversible=reversible,
        pools=pools,
        mailbox=mailbox,
        state_schema=state_schema,
    )


def _declare(
    name: str, kind: AgentKind, model: ModelDetails | None = None, /, **said: Any
) -> Callable[[Builder], Builder]:
    checked = rules.check_name(name)
    input_check = compile_schema(checked, "input_schema", said["input_schema"])
    output_check = compile_schema(checked, "output_schema", said["output_schema"])
    state_check = compile_schema(checked, "state_schema", said["state_schema"])
    contract = AgentContract(
        name=checked,
        version=rules.check_version(checked, said["version"]),
        queue=rules.check_queue(checked, said["queue"]),
        timeout_seconds=rules.check_timeout(checked, said["timeout_seconds"]),
        input_schema=input_check.json_schema if input_check else None,
        output_schema=output_check.json_schema if output_check else None,
        effects=rules.check_effects(checked, said["effects"]),
        reversible=rules.check_reversible(checked, said["reversible"]),
        pools=rules.check_pools(checked, said["pools"]),
        kind=kind,
        mailbox=rules.check_mailbox(checked, said["mailbox"]),
    )

    def register(function: Builder) -> Builder:
        _check_function(contract, function)
        declared = _locate(contract, function)
        checks = (input_check, output_check, state_check)
        catalogue.add(RegisteredAgent(declared, function, _place(function), *checks, model))
        return function

    return register


def _check_prompt(name: str, prompt: object) -> Callable[[Task], str] | None:
    if prompt is not None and not callable(prompt):
        raise AgentRefused(
            f"agent {name}: prompt is {prompt!r:.80}; give a function of the task that returns text"
        )
    return prompt


def _check_confidence(name: str, field: object) -> str | None:
    if field is not None and not (isinstance(field, str) and field):
        raise AgentRefused(f"agent {name}: confidence is {field!r:.80}; name a field of the output")
    return field


def _check_context(name: str, tokens: object) -> int | None:
    if tokens is None or (type(tokens) is int and _LEAST_CONTEXT <= tokens <= MOST_COUNT):
        return tokens
    raise AgentRefused(
        f"agent {name}: context_tokens is {tokens!r:.80}; give a whole number from {_LEAST_CONTEXT:,}, or leave it out"
    )


def _refuse_unknown(decorator: Callable[..., Any], name: object, unknown: Mapping[str, object]) -> None:
    if unknown:
        known = [
            key
            for key, kind in inspect.signature(decorator).parameters.items()
            if kind.kind is kind.KEYWORD_ONLY
        ]
        raise AgentRefused(
            f"agent {name}: unknown argument {', '.join(sorted(unknown))}; remove it. "
            f"Known are {', '.join(known)}"
        )


def _check_function(contract: AgentContract, function: object) -> None:
    name, is_model = contract.name, contract.kind is AgentKind.MODEL
    if not callable(function) or inspect.isclass(function):
        written = "@model_agent above a def" if is_model else "@agent above a def or async def"
        raise AgentRefused(f"agent {name}: {function!r:.80} is not a function; put {written}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise AgentRefused(f"agent {name}: {_qualified_name(function)} yields; return one answer instead")
    if is_model and inspect.iscoroutinefunction(function):
        raise AgentRefused(
            f"agent {name}: {_qualified_name(function)} is async; a plain def builds and returns the agent"
        )
    try:
        inspect.signature(function).bind(object())
    except TypeError as error:
        taken = "what its agent is to be given as capabilities" if is_model else "the task"
        raise AgentRefused(
            f"agent {name}: {_qualified_name(function)} must take one argument, {taken} ({error})"
        ) from None


def _locate(contract: AgentContract, function: AgentFunction) -> AgentContract:
    return replace(
        contract,
        description=(inspect.getdoc(function) or "").partition("\n")[0].strip(),
        module=getattr(function, "__module__", "") or "",
        function=_qualified_name(function),
    )


def _qualified_name(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _place(function: AgentFunction) -> str:
    # Two functions of the same name in one file differ only by their line.
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else "no source line"
